//! Messages whose type is known at run time only.

use std::any::Any;
use std::fmt;

use prost::Message;

/// A request or a reply of any method, for code that sees the calls of all methods.
pub struct AnyMessage(Box<dyn Erased>);

/// What all messages can do.
trait Erased: Any + Message {
    fn to_bytes(&self) -> Vec<u8>;

    fn name_of_type(&self) -> &'static str;
}

impl<T: Message + Any> Erased for T {
    fn to_bytes(&self) -> Vec<u8> {
        self.encode_to_vec()
    }

    fn name_of_type(&self) -> &'static str {
        std::any::type_name::<T>()
    }
}

impl AnyMessage {
    /// Wraps a message.
    pub fn new(message: impl Message + 'static) -> Self {
        Self(Box::new(message))
    }

    /// The message, if its type is `T`.
    pub fn downcast_ref<T: Message + 'static>(&self) -> Option<&T> {
        let message: &dyn Any = &*self.0;
        message.downcast_ref()
    }

    /// The message, to change it, if its type is `T`.
    pub fn downcast_mut<T: Message + 'static>(&mut self) -> Option<&mut T> {
        let message: &mut dyn Any = &mut *self.0;
        message.downcast_mut()
    }

    /// The message itself, if its type is `T`.
    ///
    /// # Errors
    ///
    /// The wrapped message, if its type is another one.
    pub fn downcast<T: Message + 'static>(self) -> Result<T, Self> {
        match self.downcast_ref::<T>() {
            Some(_) => {
                let message: Box<dyn Any> = self.0;
                let message = message.downcast();
                Ok(*message.expect("its type was just checked"))
            }
            None => Err(self),
        }
    }

    /// How many bytes the message has when it is encoded.
    pub fn encoded_len(&self) -> usize {
        self.0.encoded_len()
    }

    /// Encodes the message.
    pub fn encode_to_vec(&self) -> Vec<u8> {
        self.0.to_bytes()
    }
}

/// The type and the size of the message.
impl fmt::Debug for AnyMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyMessage")
            .field("type", &self.0.name_of_type())
            .field("bytes", &self.encoded_len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_and_changed_by_its_type_only() {
        let mut message = AnyMessage::new("a".to_string());
        assert_eq!(
            message.downcast_ref::<String>().map(String::as_str),
            Some("a")
        );
        assert!(message.downcast_ref::<Vec<u8>>().is_none());
        assert!(message.downcast_mut::<u32>().is_none());
        message
            .downcast_mut::<String>()
            .expect("a string")
            .push('b');
        let shown = format!("{message:?}");
        assert_eq!(
            shown,
            "AnyMessage { type: \"alloc::string::String\", bytes: 4 }"
        );
        assert_eq!(message.encode_to_vec().len(), message.encoded_len());
        let message = message.downcast::<u32>().expect_err("a string");
        assert_eq!(message.downcast::<String>().expect("a string"), "ab");
    }
}
