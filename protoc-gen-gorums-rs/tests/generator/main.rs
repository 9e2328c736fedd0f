//! The generator as its users see it. All tests are modules of one binary, which is linked once.

mod bad_protos;
mod command_line;
mod gen_crate;
mod golden;
mod mutations;
mod parameters;
mod support;
