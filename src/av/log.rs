//! What libav says while it decodes: some errors have no return code.

use std::{
    cell::RefCell,
    ffi::{CStr, c_char, c_int, c_void},
    sync::Once,
};

use ffmpeg_next::ffi;

use super::silence_log;

/// Messages that are kept of one call: a damaged picture has one for every macroblock row.
const MAX_MESSAGES: usize = 32;

thread_local! {
    /// Messages of errors since [`capture`] began on this thread; `None` outside of it.
    static MESSAGES: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// Runs `work` and returns what libav said of errors on this thread meanwhile, each as its format text
/// (`Could not find ref with POC %d`), so that equal errors at different places are equal. Replaces libav's
/// log callback for the whole process at its first call; what is said elsewhere is dropped, as it is without.
pub(super) fn capture<T>(work: impl FnOnce() -> T) -> (T, Vec<String>) {
    static ONCE: Once = Once::new();
    silence_log();
    ONCE.call_once(|| {
        // SAFETY: it stores one function pointer, of a function that lives for ever.
        unsafe { ffi::av_log_set_callback(Some(on_message)) }
    });
    MESSAGES.with(|messages| messages.replace(Some(Vec::new())));
    let done = work();
    let said = MESSAGES.with(|messages| messages.replace(None));
    (done, said.unwrap_or_default())
}

/// Keeps a message of an error. The arguments, whatever type platforms have for them, are left alone.
///
/// # Safety
/// `format` is null or a terminated text that lives through the call.
unsafe extern "C" fn on_message<A>(_: *mut c_void, level: c_int, format: *const c_char, _: A) {
    // The upper bits are a colour.
    if level & 0xFF > ffi::AV_LOG_ERROR || level < 0 || format.is_null() {
        return;
    }
    // Threads that are ending have no such variable any more.
    let _ = MESSAGES.try_with(|messages| {
        if let Ok(mut messages) = messages.try_borrow_mut()
            && let Some(messages) = messages.as_mut()
            && messages.len() < MAX_MESSAGES
        {
            // SAFETY: the caller's promise.
            let text = unsafe { CStr::from_ptr(format) };
            messages.push(text.to_string_lossy().trim().to_owned());
        }
    });
}
