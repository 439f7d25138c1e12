// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
)

// redacted is what a Plaintext prints.
const redacted = "[redacted]"

// Plaintext holds a secret value and hides its bytes: printing, logging or
// marshalling it gives "[redacted]", for every verb. A func holds the bytes,
// because fmt prints the content of unexported slices and strings, but only the
// address of a func.
//
// The zero Plaintext holds no value, which is not the same as an empty value.
type Plaintext struct {
	expose func() []byte
}

// NewPlaintext wraps bytes, which the caller must not change afterwards.
func NewPlaintext(b []byte) Plaintext {
	if b == nil {
		b = []byte{}
	}
	return Plaintext{expose: func() []byte { return b }}
}

// PlaintextString wraps a string.
func PlaintextString(s string) Plaintext { return NewPlaintext([]byte(s)) }

// Expose returns the bytes; nothing else does. The caller must not change them.
func (v Plaintext) Expose() []byte {
	if v.expose == nil {
		return nil
	}
	return v.expose()
}

// IsZero reports whether no value was given.
func (v Plaintext) IsZero() bool { return v.expose == nil }

// Len returns the length of the value in bytes.
func (v Plaintext) Len() int { return len(v.Expose()) }

// Format writes "[redacted]" for every verb and flag.
func (v Plaintext) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(redacted)) }

// String returns "[redacted]".
func (v Plaintext) String() string { return redacted }

// GoString returns "[redacted]".
func (v Plaintext) GoString() string { return redacted }

// LogValue returns "[redacted]".
func (v Plaintext) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON gives "[redacted]", so that no value is encoded by accident.
func (v Plaintext) MarshalJSON() ([]byte, error) { return json.Marshal(redacted) }

// MarshalText gives "[redacted]".
func (v Plaintext) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// UnmarshalJSON always fails, because MarshalJSON does not write the value.
func (v *Plaintext) UnmarshalJSON([]byte) error {
	return errors.New("a secret value cannot be decoded from JSON")
}
