//! gorums-build
