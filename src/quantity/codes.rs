//! Enums whose values are stable codes: written into JSON, printed, and read back, all by one list.

/// A text that is not one of an enum's codes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not one of {}", codes.join(", "))]
pub struct UnknownCode {
    /// What was read.
    pub text: String,
    /// The codes that there are.
    pub codes: Vec<&'static str>,
}

/// Makes an enum of stable codes: `ALL`, `as_str`, `Display`, `FromStr`, serde and JSON schema all take the text given here.
macro_rules! codes {
    ($(#[$about:meta])* $vis:vis enum $name:ident {
        $($(#[$doc:meta])* $variant:ident = $code:literal,)+
    }) => {
        $(#[$about])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash,
            serde::Serialize, serde::Deserialize, schemars::JsonSchema,
        )]
        $vis enum $name {
            $($(#[$doc])* #[serde(rename = $code)] $variant,)+
        }

        impl $name {
            /// All of them, in order.
            $vis const ALL: &'static [$name] = &[$($name::$variant),+];

            /// The stable code.
            $vis fn as_str(self) -> &'static str {
                match self {
                    $($name::$variant => $code,)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::quantity::UnknownCode;

            fn from_str(text: &str) -> Result<$name, Self::Err> {
                let found = $name::ALL.iter().copied().find(|code| code.as_str() == text);
                found.ok_or_else(|| $crate::quantity::UnknownCode {
                    text: text.to_string(),
                    codes: $name::ALL.iter().map(|code| code.as_str()).collect(),
                })
            }
        }
    };
}

pub(crate) use codes;

#[cfg(test)]
mod tests {
    codes! {
        /// Two colours.
        enum Colour {
            /// Like grass.
            Green = "green",
            /// Like the sky.
            LightBlue = "light-blue",
        }
    }

    #[test]
    fn a_code_is_the_same_in_text_and_in_json() {
        for colour in Colour::ALL {
            assert_eq!(colour.as_str().parse(), Ok(*colour));
            assert_eq!(
                serde_json::to_value(colour).unwrap(),
                serde_json::json!(colour.to_string())
            );
        }
        let error = "red".parse::<Colour>().unwrap_err();
        assert_eq!(error.to_string(), "`red` is not one of green, light-blue");
    }
}
