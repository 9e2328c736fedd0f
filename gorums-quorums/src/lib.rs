#![doc = "Stub."]
