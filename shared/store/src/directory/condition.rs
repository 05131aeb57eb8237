//! A filter in the words of the table.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::identifiers::IndianState;
use domain::segment::VendorFilter;

use super::entry::{is, letter_of};
use crate::client::{n, s};
use crate::{Store, keys};

/// The part of a filter the table tells: all but words, suppressions and answers.
#[derive(Default)]
pub(super) struct Condition {
    clauses: Vec<String>,
    projection: Option<String>,
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

impl Condition {
    /// Of a filter as vendors are stored ([`VendorFilter::normalised`]).
    pub(super) fn of(filter: &VendorFilter) -> Self {
        let state = |name: &String| n(IndianState::parse(name).map_or(0, IndianState::gst_code));
        let mut condition = Self::default();
        condition.one_of(is::STATUS, filter.msme_statuses.iter().map(|status| s(letter_of(*status))).collect());
        condition.one_of(is::STATE, filter.states.iter().map(state).collect());
        condition.one_of(is::SUPPLIER_TYPE, filter.supplier_types.iter().map(s).collect());
        condition.has(is::EMAILS, filter.has_email);
        condition.has(is::PHONE, filter.has_whatsapp);
        for (i, tag) in filter.tags.iter().enumerate() {
            let tags = condition.name(is::TAGS);
            condition.values.insert(format!(":tag{i}"), s(tag));
            condition.clauses.push(format!("contains({tags}, :tag{i})"));
        }
        condition
    }

    fn name(&mut self, attribute: &str) -> String {
        let name = format!("#{attribute}");
        self.names.insert(name.clone(), attribute.to_owned());
        name
    }

    fn one_of(&mut self, attribute: &str, wanted: Vec<AttributeValue>) {
        if wanted.is_empty() {
            return;
        }
        let name = self.name(attribute);
        let mut places = Vec::with_capacity(wanted.len());
        for (i, value) in wanted.into_iter().enumerate() {
            places.push(format!(":{attribute}{i}"));
            self.values.insert(format!(":{attribute}{i}"), value);
        }
        self.clauses.push(format!("{name} IN ({})", places.join(", ")));
    }

    fn has(&mut self, attribute: &str, wanted: Option<bool>) {
        let Some(wanted) = wanted else { return };
        let name = self.name(attribute);
        let function = if wanted { "attribute_exists" } else { "attribute_not_exists" };
        self.clauses.push(format!("{function}({name})"));
    }

    /// Only these attributes are wanted.
    pub(super) fn reading(mut self, attributes: &[&str]) -> Self {
        let names: Vec<String> = attributes.iter().map(|attribute| self.name(attribute)).collect();
        self.projection = Some(names.join(", "));
        self
    }

    /// A query of one part of the directory, behind a place in order of code.
    pub(super) fn query(&self, store: &Store, shard: u8, after: Option<&str>) -> QueryFluentBuilder {
        let expression = (!self.clauses.is_empty()).then(|| self.clauses.join(" AND "));
        let query = store
            .client
            .query()
            .table_name(&store.table)
            .set_filter_expression(expression)
            .set_projection_expression(self.projection.clone())
            .set_expression_attribute_names((!self.names.is_empty()).then(|| self.names.clone()))
            .set_expression_attribute_values((!self.values.is_empty()).then(|| self.values.clone()))
            .expression_attribute_values(":pk", s(keys::directory(shard)))
            .consistent_read(true);
        match after {
            None => query.key_condition_expression("pk = :pk"),
            Some(after) => query
                .key_condition_expression("pk = :pk AND sk > :after")
                .expression_attribute_values(":after", s(after)),
        }
    }
}
