//! The one room in which libav lives: every `unsafe` block and every libav type of the crate.
//!
//! All calls block and are made from blocking threads. FFmpeg behaviour is cited for version 5.1.

mod error;
mod parameters;
mod silence;
#[cfg(test)]
mod tests;

use std::sync::Once;

use ffmpeg_next::log;

pub use error::AvError;
pub(crate) use parameters::codec_parameters;
pub(crate) use silence::silent_frame;

/// Keeps libav from printing: what went wrong is in the errors.
fn quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| log::set_level(log::Level::Quiet));
}
