//! Deprecated messages, enums and services work, and their users get a warning.

use prost::Message;

#[test]
#[expect(deprecated, reason = "the message and its enum are to be deprecated")]
fn deprecated_types_are_encoded_and_decoded() {
    use tests::golden::deprecated::old::Choice;
    use tests::golden::deprecated::{Old, OldKind};

    let mut old = Old {
        x: 1,
        choice: Some(Choice::Itself(Box::default())),
        ..Default::default()
    };
    old.set_kind(OldKind::Other);
    let decoded = Old::decode(old.encode_to_vec().as_slice());
    assert_eq!(decoded, Ok(old));
    assert_eq!(
        OldKind::from_str_name("OLD_KIND_OTHER"),
        Some(OldKind::Other)
    );
}

#[test]
#[expect(deprecated, reason = "the service is to be deprecated")]
fn the_code_of_a_deprecated_service_is_deprecated() {
    use gorums_runtime::Method;
    use tests::golden::deprecated::old_service_gorums::methods;

    let name = methods::Get::DESCRIPTOR.path();
    assert_eq!(name, "/deprecated.OldService/Get");
}

#[test]
fn what_uses_deprecated_types_is_not_deprecated() {
    let new = tests::golden::deprecated::New::default();
    let decoded = tests::golden::deprecated::New::decode(new.encode_to_vec().as_slice());
    assert_eq!(decoded, Ok(new));
}
