//! Looking through a campaign's audience.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use domain::campaign::{Audience, Campaign};
use domain::delivery::{Channel, Recipient};
use domain::preflight::{Reach, Survey};
use domain::template::VARIABLES;
use domain::vendor_record::Vendor;
use futures::future::try_join_all;
use messaging::{CampaignContext, RenderError, Variables};
use runtime::problem::invalid;
use runtime::{ApiError, App};
use store::audience::{self, Stretch};
use store::{Store, StoreError, suppressions};

use crate::checks::Checks;

/// How far to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// To the end.
    End,
    /// To the first vendor that would get a message.
    SomebodyReached,
}

/// Addresses of one call.
const CALL: usize = 100;

/// Looks through the audience for as long as `budget`; says whether it came to the end.
pub(crate) async fn survey(app: &App, campaign: &Campaign, checks: &Checks, until: Until, budget: Duration) -> Result<(Survey, bool), ApiError> {
    let started = Instant::now();
    let (store, content) = (app.store()?, &campaign.content);
    let channels = content.channels();
    let mut survey = Survey::new(content);
    let mut gaps = Gaps::new(campaign, checks);
    let audience = &audience::resolve(store, &content.audience).await.map_err(segment_gone)?;
    known_campaigns(app, audience).await?;
    let lookups = &audience::Lookups::default();
    let mut stretch = audience::walk(store, lookups, audience, &channels, None).await?;
    loop {
        // The next page is on its way while the addresses of this one are looked up.
        let next = async {
            match (&stretch.next, until) {
                (Some(place), Until::End) => audience::walk(store, lookups, audience, &channels, Some(place)).await.map(Some),
                _ => Ok(None),
            }
        };
        let (suppressed, next) = tokio::try_join!(suppressed(store, &channels, &stretch), next)?;
        for (vendor, _) in &stretch.vendors {
            survey.add(vendor, |channel| {
                let reason = vendor
                    .profile
                    .address(channel)
                    .map(|address| suppressed.get(&(channel, address.to_owned())));
                match reason {
                    None => Reach::NoAddress,
                    Some(Some(reason)) => Reach::Suppressed((*reason).to_owned()),
                    Some(None) => gaps.reach(channel, vendor),
                }
            });
        }
        if until == Until::SomebodyReached && survey.reaches_anybody() {
            return Ok((survey, true));
        }
        let Some(place) = stretch.next.take() else { return Ok((survey, true)) };
        if started.elapsed() > budget {
            return Ok((survey, false));
        }
        stretch = match next {
            Some(next) => next,
            None => audience::walk(store, lookups, audience, &channels, Some(&place)).await?,
        };
    }
}

/// The 422 of a campaign whose segment is gone: nothing else of a draft's audience can be missing.
pub(crate) fn segment_gone(error: StoreError) -> ApiError {
    match error {
        StoreError::NotFound => {
            let message = "the segment was deleted: choose another audience";
            invalid("audience.segment_id", "", "segment_gone", message)
        }
        error => error.into(),
    }
}

/// Refuses an audience whose filter names a campaign there is none of.
pub(crate) async fn known_campaigns(app: &App, audience: &Audience) -> Result<(), ApiError> {
    let Some(filter) = &audience.filter else { return Ok(()) };
    let unknown = store::directory::unknown_campaigns(app.store()?, filter).await?;
    if unknown.is_empty() { Ok(()) } else { Err(unknown.into()) }
}

/// Why the suppressed addresses of a stretch are.
async fn suppressed(store: &Store, channels: &[Channel], stretch: &Stretch) -> Result<HashMap<(Channel, String), &'static str>, StoreError> {
    let mut calls = Vec::new();
    for channel in channels {
        let of_channel = stretch.vendors.iter().filter_map(|(vendor, _)| vendor.profile.address(*channel));
        let addresses: Vec<String> = of_channel.map(str::to_owned).collect();
        for call in addresses.chunks(CALL) {
            let (channel, call) = (*channel, call.to_vec());
            calls.push(async move {
                let found = suppressions::among(store, channel, &call).await?;
                let named = found
                    .into_iter()
                    .map(|(address, suppression)| ((channel, address), suppression.reason.as_str()));
                Ok::<Vec<_>, StoreError>(named.collect())
            });
        }
    }
    Ok(try_join_all(calls).await?.into_iter().flatten().collect())
}

/// Which variables a template prints that a vendor has no value for.
///
/// Which those are depends on which variables are absent, hardly ever on the others' values: so each combination of absent
/// variables is tried out once, by rendering, and 100,000 vendors cost a few dozen renderings.
struct Gaps<'a> {
    checks: &'a Checks,
    campaign: &'a Campaign,
    known: HashMap<(Channel, u32), Vec<String>>,
}

impl<'a> Gaps<'a> {
    fn new(campaign: &'a Campaign, checks: &'a Checks) -> Self {
        Self {
            checks,
            campaign,
            known: HashMap::new(),
        }
    }

    fn reach(&mut self, channel: Channel, vendor: &Vendor) -> Reach {
        let variables = Variables::for_recipient(&Recipient::from(vendor.clone()), &self.context());
        let absent = VARIABLES.iter().enumerate().filter(|(_, (name, _))| variables.get(name).is_none());
        let absent = absent.fold(0_u32, |absent, (place, _)| absent | 1 << place);
        let checks = self.checks;
        let missing = self.known.entry((channel, absent)).or_insert_with(|| missing(checks, channel, variables));
        if missing.is_empty() {
            Reach::Reached
        } else {
            Reach::Missing(missing.clone())
        }
    }

    /// What every vendor has.
    fn context(&self) -> CampaignContext<'static> {
        CampaignContext {
            organisation_name: "organisation",
            campaign_name: "campaign",
            deadline: self.campaign.content.deadline,
            form_url: "https://example.org/f/token",
            unsubscribe_url: "https://example.org/unsubscribe/token",
        }
    }
}

/// Renders until nothing is missing any more.
fn missing(checks: &Checks, channel: Channel, mut variables: Variables) -> Vec<String> {
    let mut missing = Vec::new();
    loop {
        let error = match channel {
            Channel::Email => checks.email.as_ref().and_then(|ready| ready.compiled.render(&variables).err()),
            Channel::Whatsapp => checks.whatsapp.as_ref().and_then(|ready| ready.compiled.render(&variables).err()),
        };
        let Some(RenderError::MissingVariable(name)) = error else {
            return missing;
        };
        match VARIABLES.iter().find(|(known, _)| *known == name) {
            // Each round fills one more, so that there are never more rounds than variables.
            Some((known, _)) if !missing.contains(&name) => {
                variables.set(known, "x");
                missing.push(name);
            }
            _ => return missing,
        }
    }
}
