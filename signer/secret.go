package signer

import (
	"fmt"
	"io"
	"log/slog"
)

// hidden is what a secret looks like wherever it is printed.
const hidden = "[secret]"

// Secret is key material as its owner wrote it: a shared secret, a token, user:password, a PEM block, a JWK. Every way of printing it
// gives "[secret]"; a conversion, string(s), is the only way out.
type Secret string

// String hides the secret.
func (Secret) String() string { return hidden }

// GoString hides the secret from %#v.
func (Secret) GoString() string { return hidden }

// Format hides the secret from every verb, %x and %q included.
func (Secret) Format(f fmt.State, _ rune) { io.WriteString(f, hidden) }

// MarshalJSON hides the secret from encoding/json.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }

// MarshalText hides the secret from encoders of text. A map key of JSON is not one of them: a secret is no map key.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// LogValue hides the secret from log/slog.
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }
