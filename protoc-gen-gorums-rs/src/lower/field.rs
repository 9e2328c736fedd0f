//! Lowers one field.

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{FieldDescriptorProto, FieldOptions};

use super::features::{Features, Presence};

/// Converts a field of an edition to proto3, and reports what has no counterpart there.
pub(super) fn lower(
    field: &mut FieldDescriptorProto,
    features: Features,
    is_map: bool,
) -> Vec<&'static str> {
    let mut wrong = Vec::new();
    let is_message = matches!(field.r#type(), Type::Message | Type::Group);
    match field.label() {
        Label::Repeated if !is_map && !features.packed => {
            field
                .options
                .get_or_insert_with(FieldOptions::default)
                .packed
                .get_or_insert(false);
        }
        Label::Repeated => {}
        // The fields of a oneof always have presence.
        _ if field.oneof_index.is_some() => {}
        _ => match features.presence {
            Presence::Explicit if !is_message => field.proto3_optional = Some(true),
            Presence::Explicit | Presence::Implicit => {}
            Presence::LegacyRequired => wrong.push(
                "required fields are not supported in editions; \
                 remove `features.field_presence = LEGACY_REQUIRED`, or use a proto2 file",
            ),
        },
    }
    if is_message && !is_map && features.delimited {
        wrong.push(
            "delimited messages are not supported; remove `features.message_encoding = DELIMITED`",
        );
    }
    if field.r#type() == Type::String && !features.verifies_utf8 {
        wrong.push(
            "strings that are not UTF-8 are not supported; \
             remove `features.utf8_validation = NONE`, or use `bytes`",
        );
    }
    wrong
}

/// Normalises the default value of a floating-point field, which compilers write in different ways.
pub(super) fn normalize_default(field: &mut FieldDescriptorProto) {
    let of = field.r#type();
    let Some(text) = &mut field.default_value else {
        return;
    };
    let normal = match of {
        Type::Float => text.parse::<f32>().map(|value| format!("{value:?}")),
        Type::Double => text.parse::<f64>().map(|value| format!("{value:?}")),
        _ => return,
    };
    // prost-derive reports what is not a number.
    if let Ok(normal) = normal {
        *text = normal.replace("NaN", "nan");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lowered(
        r#type: Type,
        label: Label,
        features: Features,
    ) -> (FieldDescriptorProto, Vec<&'static str>) {
        let mut field = FieldDescriptorProto {
            r#type: Some(r#type.into()),
            label: Some(label.into()),
            ..Default::default()
        };
        let wrong = lower(&mut field, features, false);
        (field, wrong)
    }

    #[test]
    fn only_single_values_that_are_no_messages_become_optional() {
        let explicit = Features::EDITIONS;
        assert!(
            lowered(Type::Enum, Label::Optional, explicit)
                .0
                .proto3_optional()
        );
        assert!(
            !lowered(Type::Message, Label::Optional, explicit)
                .0
                .proto3_optional()
        );
        assert!(
            !lowered(Type::Int32, Label::Repeated, explicit)
                .0
                .proto3_optional()
        );
        let implicit = Features {
            presence: Presence::Implicit,
            ..explicit
        };
        assert!(
            !lowered(Type::Enum, Label::Optional, implicit)
                .0
                .proto3_optional()
        );
    }

    #[test]
    fn fields_of_a_oneof_stay_in_it() {
        let mut field = FieldDescriptorProto {
            r#type: Some(Type::Int32.into()),
            oneof_index: Some(0),
            ..Default::default()
        };
        let required = Features {
            presence: Presence::LegacyRequired,
            ..Features::EDITIONS
        };
        assert!(lower(&mut field, required, false).is_empty());
        assert!(!field.proto3_optional());
    }

    #[test]
    fn expanded_fields_are_not_packed() {
        let packed = Features::EDITIONS;
        assert_eq!(
            lowered(Type::Int32, Label::Repeated, packed).0.options,
            None
        );
        let expanded = Features {
            packed: false,
            ..packed
        };
        let options = lowered(Type::Int32, Label::Repeated, expanded)
            .0
            .options
            .unwrap();
        assert_eq!(options.packed, Some(false));
    }

    #[test]
    fn what_proto3_lacks_is_told() {
        let odd = Features {
            presence: Presence::LegacyRequired,
            closed_enum: true,
            packed: false,
            verifies_utf8: false,
            delimited: true,
        };
        assert_eq!(lowered(Type::String, Label::Optional, odd).1.len(), 2);
        assert_eq!(lowered(Type::Message, Label::Optional, odd).1.len(), 2);
        assert_eq!(lowered(Type::Message, Label::Repeated, odd).1.len(), 1);
        assert_eq!(lowered(Type::Int32, Label::Repeated, odd).1.len(), 0);
    }

    #[test]
    fn fractions_are_written_in_one_way() {
        for (of, compilers, normal) in [
            (
                Type::Double,
                ["-1e+30", "-1000000000000000000000000000000"],
                "-1e30",
            ),
            (Type::Double, ["1", "1.0"], "1.0"),
            (Type::Float, ["16777216", "16777217"], "16777216.0"),
            (Type::Float, ["inf", "1e39"], "inf"),
            (Type::Float, ["-inf", "-1e39"], "-inf"),
            (Type::Double, ["nan", "-nan"], "nan"),
            (Type::Float, ["-0", "-0.0"], "-0.0"),
            (Type::Int32, ["1", "1"], "1"),
        ] {
            for text in compilers {
                let mut field = FieldDescriptorProto {
                    r#type: Some(of.into()),
                    default_value: Some(text.to_owned()),
                    ..Default::default()
                };
                normalize_default(&mut field);
                assert_eq!(field.default_value(), normal, "{text}");
            }
        }
    }
}
