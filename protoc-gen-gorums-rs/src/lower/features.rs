//! The features of editions, as far as they change code.

use crate::descriptor::mirror::FeatureSet;

/// The features that hold for an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Features {
    pub(super) presence: Presence,
    pub(super) closed_enum: bool,
    pub(super) packed: bool,
    pub(super) verifies_utf8: bool,
    pub(super) delimited: bool,
}

/// Whether an absent field differs from one with the default value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    Explicit,
    Implicit,
    LegacyRequired,
}

impl Features {
    /// The defaults of editions 2023 and 2024.
    pub(super) const EDITIONS: Self = Self {
        presence: Presence::Explicit,
        closed_enum: false,
        packed: true,
        verifies_utf8: true,
        delimited: false,
    };

    /// The features inside an element that overrides these with its own.
    pub(super) fn with(self, own: Option<FeatureSet>) -> Self {
        let own = own.unwrap_or_default();
        Self {
            presence: match own.field_presence {
                Some(1) => Presence::Explicit,
                Some(2) => Presence::Implicit,
                Some(3) => Presence::LegacyRequired,
                _ => self.presence,
            },
            closed_enum: choose(own.enum_type, self.closed_enum, 2, 1),
            packed: choose(own.repeated_field_encoding, self.packed, 1, 2),
            verifies_utf8: choose(own.utf8_validation, self.verifies_utf8, 2, 3),
            delimited: choose(own.message_encoding, self.delimited, 2, 1),
        }
    }
}

fn choose(own: Option<i32>, inherited: bool, yes: i32, no: i32) -> bool {
    match own {
        Some(value) if value == yes => true,
        Some(value) if value == no => false,
        _ => inherited,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_set_is_inherited() {
        let outer = Features::EDITIONS.with(Some(FeatureSet {
            field_presence: Some(2),
            repeated_field_encoding: Some(2),
            ..Default::default()
        }));
        assert_eq!(outer.presence, Presence::Implicit);
        assert!(!outer.packed && outer.verifies_utf8 && !outer.closed_enum && !outer.delimited);
        assert_eq!(outer.with(None), outer);

        let inner = outer.with(Some(FeatureSet {
            field_presence: Some(1),
            ..Default::default()
        }));
        assert_eq!(
            inner,
            Features {
                presence: Presence::Explicit,
                ..outer
            }
        );
    }

    #[test]
    fn every_feature_can_be_set() {
        let all = Features::EDITIONS.with(Some(FeatureSet {
            field_presence: Some(3),
            enum_type: Some(2),
            repeated_field_encoding: Some(2),
            utf8_validation: Some(3),
            message_encoding: Some(2),
        }));
        let expected = Features {
            presence: Presence::LegacyRequired,
            closed_enum: true,
            packed: false,
            verifies_utf8: false,
            delimited: true,
        };
        assert_eq!(all, expected);
    }
}
