// SPDX-License-Identifier: MPL-2.0

package backend_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// TestPlaintextHidesItsBytes prints, logs and marshals a value in every way that shows
// what is inside of other types.
func TestPlaintextHidesItsBytes(t *testing.T) {
	const canary = "CANARY"
	v := backend.PlaintextString(canary)
	inside := struct {
		V  backend.Plaintext
		P  *backend.Plaintext
		M  map[string]backend.Plaintext
		S  []backend.Plaintext
		un backend.Plaintext
	}{v, &v, map[string]backend.Plaintext{"k": v}, []backend.Plaintext{v}, v}
	var shown strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%p", "%T", "%10.3s"} {
		for _, x := range []any{v, &v, inside, &inside, []any{v}, backend.Resolution{Value: v}, backend.Change{Value: v}} {
			fmt.Fprintf(&shown, verb+"\n", x)
		}
	}
	for _, x := range []any{v, inside, backend.Resolution{Value: v},
		backend.ChangeSet{Changes: []backend.Change{{Value: v}}}} {
		text, err := json.Marshal(x)
		if err != nil {
			t.Fatal(err)
		}
		shown.Write(text)
	}
	var log bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(h).Info("x", "v", v, "p", &v, "inside", inside)
	}
	shown.Write(log.Bytes())
	for _, form := range []string{canary, fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary), fmt.Sprint([]byte(canary)),
		"Q0FOQVJZ"} {
		if strings.Contains(shown.String(), form) {
			t.Errorf("the output contains the value as %s", form)
		}
	}
	if !strings.Contains(shown.String(), "[redacted]") {
		t.Error("the output does not contain [redacted]")
	}
	if string(v.Expose()) != canary || string(inside.un.Expose()) != canary {
		t.Error("Expose does not return the bytes")
	}
	var back backend.Plaintext
	if json.Unmarshal([]byte(`"[redacted]"`), &back) == nil {
		t.Error("[redacted] was decoded as a value")
	}
	if !(backend.Plaintext{}).IsZero() || backend.PlaintextString("").IsZero() || backend.NewPlaintext(nil).IsZero() {
		t.Error("IsZero does not distinguish an absent value from an empty one")
	}
}
