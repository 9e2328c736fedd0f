//! Status codes: their names, and what is kept for each.

use tonic::Code;

/// How many codes there are.
const CODES: usize = 17;

/// One value for each status code.
#[derive(Debug, Default)]
pub(super) struct ByCode<T>([T; CODES]);

impl<T> ByCode<T> {
    pub(super) fn of(&self, code: Code) -> &T {
        // The numbers of the codes are below their number.
        &self.0[code as usize % CODES]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Code, &T)> {
        let codes = (0..).map(Code::from_i32);
        codes.zip(&self.0)
    }
}

/// The code's name in gRPC, such as `DEADLINE_EXCEEDED`.
pub(super) fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// Whether OpenTelemetry counts a call that a server answers with this code as an error of the server.
pub(super) fn is_error_of_server(code: Code) -> bool {
    matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_a_place_of_its_own() {
        let codes: Vec<Code> = ByCode::<()>::default()
            .iter()
            .map(|(code, ())| code)
            .collect();
        assert_eq!(codes.len(), CODES);
        for (number, code) in codes.into_iter().enumerate() {
            assert_eq!(code as usize, number);
            assert_eq!(name(code) == "UNKNOWN", number == 2);
        }
    }
}
