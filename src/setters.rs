//! Methods that set the fields of settings, so that calls read as sentences and new fields break no caller.

/// A method for each field, of its name. Those behind `into` take what becomes the field's type.
macro_rules! setters {
    (
        $name:ident {
            $($(#[cfg($cfg:meta)])? $field:ident: $kind:ty,)*
        }
        $(into { $($into:ident: $from:ty,)* })?
    ) => {
        impl $name {
            $(
                $(#[cfg($cfg)])?
                #[doc = concat!("Sets [`", stringify!($name), "::", stringify!($field), "`](Self#structfield.", stringify!($field), ").")]
                #[must_use]
                pub fn $field(mut self, $field: $kind) -> Self {
                    self.$field = $field;
                    self
                }
            )*
            $($(
                #[doc = concat!("Sets [`", stringify!($name), "::", stringify!($into), "`](Self#structfield.", stringify!($into), ").")]
                #[must_use]
                pub fn $into(mut self, $into: impl Into<$from>) -> Self {
                    self.$into = $into.into();
                    self
                }
            )*)?
        }
    };
}

pub(crate) use setters;
