//! Places of vendors in an order, and pages of them.

use std::collections::HashSet;

use domain::VendorId;
use domain::segment::VendorOrder;
use domain::vendor_record::Vendor;
use jiff::Timestamp;

use crate::{PageKey, keys};

/// A vendor's place in an order; smaller comes first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// For times: counted down, so that the newest come first.
    pub(super) key: String,
    pub(super) id: VendorId,
}

pub(super) fn newest_first(at: Timestamp) -> String {
    format!("{:020}", i64::MAX - at.as_microsecond())
}

impl Place {
    pub(super) fn in_order_of_code(code_key: &str, id: VendorId) -> Self {
        Self {
            key: keys::in_order_of_code(code_key, id),
            id,
        }
    }

    pub(super) fn of(vendor: &Vendor, order: VendorOrder) -> Self {
        let key = match order {
            VendorOrder::Code => keys::in_order_of_code(&vendor.profile.vendor_code.key(), vendor.id),
            VendorOrder::Name => vendor.profile.company_name.to_lowercase(),
            VendorOrder::Created => newest_first(vendor.created_at),
            VendorOrder::Updated => newest_first(vendor.updated_at),
        };
        Self { key, id: vendor.id }
    }
}

/// What a list has shown already: up to which place, of how many.
pub(super) struct Seen {
    pub(super) place: Place,
    pub(super) total: u64,
}

impl Seen {
    pub(super) fn write(self) -> PageKey {
        let Place { key, id } = self.place;
        let total = self.total.to_string();
        PageKey::from([("key".to_owned(), key), ("id".to_owned(), id.to_string()), ("total".to_owned(), total)])
    }

    pub(super) fn read(key: &PageKey) -> Option<Self> {
        let place = Place {
            key: key.get("key")?.clone(),
            id: key.get("id")?.parse().ok()?,
        };
        let total = key.get("total")?.parse().ok()?;
        Some(Self { place, total })
    }
}

/// A page's places.
pub(super) struct Places {
    places: Vec<Place>,
    pub(super) total: u64,
    more: bool,
}

impl Places {
    /// Picks a page of all places, which are in no order.
    pub(super) fn of_all(mut places: Vec<Place>, after: Option<Seen>, wanted: usize) -> Self {
        each_once(&mut places);
        let total = u64::try_from(places.len()).unwrap_or(u64::MAX);
        if let Some(Seen { place: after, total: _ }) = after {
            places.retain(|place| *place > after);
        }
        Self::first(places, total, wanted)
    }

    /// Picks a page of the places behind those shown.
    pub(super) fn of_rest(mut places: Vec<Place>, total: u64, wanted: usize) -> Self {
        each_once(&mut places);
        Self::first(places, total, wanted)
    }

    fn first(mut places: Vec<Place>, total: u64, wanted: usize) -> Self {
        let more = places.len() > wanted;
        if more {
            // Only the page is sorted: the rest merely has to be behind it.
            places.select_nth_unstable(wanted);
            places.truncate(wanted);
        }
        places.sort_unstable();
        Self { places, total, more }
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = VendorId> {
        self.places.iter().map(|place| place.id)
    }

    pub(super) fn into_next(mut self) -> Option<PageKey> {
        let place = self.places.pop().filter(|_| self.more)?;
        Some(Seen { place, total: self.total }.write())
    }
}

/// A vendor whose code is being changed may be read at both of its places.
fn each_once(places: &mut Vec<Place>) {
    let mut seen = HashSet::with_capacity(places.len());
    places.retain(|place| seen.insert(place.id));
}

#[cfg(test)]
mod tests {
    use super::super::testing::{coded, named};
    use super::*;

    #[test]
    fn the_newest_come_first_and_a_place_survives_its_cursor() {
        let (older, newer) = (named("Name", 10), named("Name", 20));
        assert!(Place::of(&newer, VendorOrder::Created) < Place::of(&older, VendorOrder::Created));
        assert!(
            Place::of(&older, VendorOrder::Name) < Place::of(&newer, VendorOrder::Name),
            "ids tell equals apart"
        );
        for order in [VendorOrder::Code, VendorOrder::Name, VendorOrder::Created, VendorOrder::Updated] {
            let place = Place::of(&newer, order);
            let seen = Seen {
                place: place.clone(),
                total: 7,
            };
            let again = Seen::read(&seen.write()).unwrap();
            assert_eq!((again.place, again.total), (place, 7));
        }
    }

    #[test]
    fn codes_are_in_the_order_of_the_plain_list() {
        let codes = ["A", "A 1", "A#1", "A-1", "A1", "B"];
        let mut places: Vec<_> = codes.iter().map(|code| Place::of(&coded(code, 10), VendorOrder::Code)).collect();
        let in_order = places.clone();
        places.sort_unstable();
        assert_eq!(places, in_order, "a shorter code comes before those it begins");
    }
}
