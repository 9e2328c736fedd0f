// @generated
pub mod register {
    // @@protoc_insertion_point(attribute:register.v1)
    pub mod v1 {
        include!("register/v1/register.v1.rs");
        // @@protoc_insertion_point(register.v1)
    }
}
pub mod types {
    // @@protoc_insertion_point(attribute:types.v1)
    pub mod v1 {
        include!("types/v1/types.v1.rs");
        // @@protoc_insertion_point(types.v1)
    }
}
