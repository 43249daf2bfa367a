//! Setters for structs of settings, which are `#[non_exhaustive]` so that they can get new fields.

/// Implements `with_FIELD` for each field: it sets the field and returns the settings.
macro_rules! setters {
    ($settings:ident { $($setter:ident sets $field:ident: $type:ty),+ $(,)? }) => {
        impl $settings {
            $(
                #[doc = concat!("Sets [`", stringify!($field), "`](", stringify!($settings), "::", stringify!($field), ").")]
                #[must_use]
                pub fn $setter(self, $field: $type) -> $settings {
                    $settings { $field, ..self }
                }
            )+
        }
    };
}

pub(crate) use setters;
