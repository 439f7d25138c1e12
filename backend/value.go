// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
)

// redacted is what a Value shows of itself.
const redacted = "[redacted]"

// Value is a secret value on its way through the program. It hides its bytes:
// printing, logging or marshalling one gives "[redacted]", whatever the verb.
// The bytes are behind a func because fmt follows unexported slices and
// strings, but prints no more of a func than its address.
//
// The zero Value means "no value given", which is not the same as an empty one.
type Value struct {
	expose func() []byte
}

// NewValue wraps bytes, which the caller must not change afterwards.
func NewValue(b []byte) Value {
	if b == nil {
		b = []byte{}
	}
	return Value{expose: func() []byte { return b }}
}

// Text wraps a string.
func Text(s string) Value { return NewValue([]byte(s)) }

// Expose is the one way to the bytes. The caller must not change them.
func (v Value) Expose() []byte {
	if v.expose == nil {
		return nil
	}
	return v.expose()
}

// IsZero reports whether no value was given.
func (v Value) IsZero() bool { return v.expose == nil }

// Len is the length of the value in bytes.
func (v Value) Len() int { return len(v.Expose()) }

// Format writes "[redacted]" for every verb and flag.
func (v Value) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(redacted)) }

// String returns "[redacted]".
func (v Value) String() string { return redacted }

// GoString returns "[redacted]".
func (v Value) GoString() string { return redacted }

// LogValue returns "[redacted]".
func (v Value) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON gives "[redacted]": a value crosses a wire only where code says so.
func (v Value) MarshalJSON() ([]byte, error) { return json.Marshal(redacted) }

// MarshalText gives "[redacted]".
func (v Value) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// UnmarshalJSON refuses, since what MarshalJSON wrote is no value.
func (v *Value) UnmarshalJSON([]byte) error {
	return errors.New("a secret value is not read from JSON implicitly")
}
