//! Joining into an object store.

use std::sync::Arc;

use super::{Concat, Planned};
use crate::{
    error::Error,
    report::Report,
    sink::{self, ObjectTarget},
};

impl Concat {
    /// Joins into an object, which appears whole or not at all.
    ///
    /// # Errors
    /// As [`Concat::plan`] and [`Planned::write_object`].
    pub async fn write_object(&self, target: &ObjectTarget) -> Result<Report, Error> {
        self.plan().await?.write_object(target).await
    }
}

impl Planned {
    /// Writes an object into a store, which appears whole or not at all. Ranges of fragments in the
    /// same store are copied there, without passing through us. MPEG-TS and Ogg, whose size only
    /// writing them tells, are kept in a temporary file first ([`Self::spooled`]).
    ///
    /// # Errors
    /// [`Error::Sink`].
    #[tracing::instrument(name = "write", skip_all, fields(url = %target.url()))]
    pub async fn write_object(&self, target: &ObjectTarget) -> Result<Report, Error> {
        if self.is_made_while_written() {
            let spooled = self.spooled(&std::env::temp_dir()).await?;
            return Box::pin(spooled.write_object(target)).await;
        }
        let target = target.or_media_type(self.media_type());
        #[cfg(feature = "checksum")]
        let target = match self.concat.options.checksums {
            asked if asked.any() => target.with_checksums(asked),
            _ => target,
        };
        let written = sink::write_object(
            Arc::clone(&self.layout),
            Arc::clone(&self.sources),
            &target,
            self.concat.progress.clone(),
            self.concat.cancel.clone(),
        )
        .await?;
        Ok(self.report.written(sink::Written {
            bytes_spooled: self.report.bytes_spooled,
            size: self.layout.size(),
            ..written
        }))
    }
}
