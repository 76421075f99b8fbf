//! What is in the fragments of a join.

use futures::{StreamExt, stream};

use super::{Concat, Probed};
use crate::{
    compat::{self, Mismatch},
    error::Error,
    probe::{self, Fragment},
    progress::{Progress, Stage},
    source::SharedSource,
    warning::Warning,
};

impl Concat {
    /// Probes all fragments, a bounded number at a time, for a join.
    ///
    /// # Errors
    /// [`Error::Source`] or [`Error::Media`] for one fragment, [`Error::Fragments`] with all of
    /// them for several; [`Error::NoFragments`], [`Error::NegativeStart`], [`Error::Limit`].
    pub async fn probe(&self) -> Result<Probed, Error> {
        let (fragments, sources) = self.probe_all(true).await?;
        let concat = self.clone();
        let inspected = Inspected { concat, fragments };
        Ok(Probed { inspected, sources })
    }

    /// Looks at all fragments without joining them. Remote fragments without an index, of which
    /// [`Concat::probe`] keeps what a join needs in a temporary file, are only read.
    ///
    /// # Errors
    /// As [`Concat::probe`].
    pub async fn inspect(&self) -> Result<Inspected, Error> {
        let (fragments, _) = self.probe_all(false).await?;
        let concat = self.clone();
        Ok(Inspected { concat, fragments })
    }

    /// The fragments, and what to read on from.
    #[tracing::instrument(name = "probe_all", skip_all, fields(fragments = self.sources.len()))]
    async fn probe_all(&self, joins: bool) -> Result<(Vec<Fragment>, Vec<SharedSource>), Error> {
        self.validate()?;
        let session = probe::Session::new(joins);
        let limits = &self.options.limits;
        let probes = self.sources.iter().enumerate().map(|(index, source)| {
            let session = &session;
            async move { probe::probe(index, source, session, limits).await }
        });
        // Boxed, or the compiler finds the closure's lifetimes not general enough where a caller
        // spawns the future of this function.
        let probed = stream::iter(probes).buffered(limits.parallel_probes.max(1));
        let mut probed = probed.boxed();
        let (mut found, mut failures) = (Vec::with_capacity(self.sources.len()), Vec::new());
        let total = self.sources.len() as u64;
        loop {
            let Some(next) = self.cancel.run_until_cancelled(probed.next()).await else {
                return Err(Error::Cancelled);
            };
            match next {
                Some(Ok(fragment)) => found.push(fragment),
                Some(Err(failure)) => failures.push(failure),
                None => break,
            }
            let done = (found.len() + failures.len()) as u64;
            self.progress
                .report(Progress::new(Stage::Probing, done, total));
        }
        drop(probed);
        match failures.len() {
            0 => Ok(found.into_iter().unzip()),
            1 => Err(failures.swap_remove(0)),
            _ => Err(Error::Fragments(failures)),
        }
    }

    fn validate(&self) -> Result<(), Error> {
        if self.sources.is_empty() {
            return Err(Error::NoFragments);
        }
        let limit = self.options.limits.fragments;
        if self.sources.len() > limit {
            return Err(Error::Limit {
                what: "the number of fragments",
                found: self.sources.len() as u64,
                limit: limit as u64,
            });
        }
        for (fragment, start) in self.starts.iter().enumerate() {
            if let Some(start) = *start
                && start.is_negative()
            {
                return Err(Error::NegativeStart {
                    fragment,
                    name: self.sources[fragment].name(),
                    start,
                });
            }
        }
        Ok(())
    }
}

/// Fragments that were looked at.
#[derive(Debug, Clone)]
pub struct Inspected {
    pub(super) concat: Concat,
    pub(super) fragments: Vec<Fragment>,
}

impl Inspected {
    /// The fragments, in the caller's order.
    #[must_use]
    pub fn fragments(&self) -> &[Fragment] {
        &self.fragments
    }

    /// Whether all fragments share one format; what of them would be left out.
    ///
    /// # Errors
    /// Every difference of every fragment.
    pub fn check(&self) -> Result<Vec<Warning>, Vec<Mismatch>> {
        let order: Vec<usize> = (0..self.fragments.len()).collect();
        let matching = compat::check(&self.fragments, &order, &self.concat.options)?;
        Ok(matching.warnings)
    }
}
