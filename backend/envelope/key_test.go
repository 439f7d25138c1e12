// SPDX-License-Identifier: MPL-2.0

package envelope_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/envelope"
	"github.com/pouncet/terraform-provider-pouncet/backend/kms"
)

var binding = envelope.Binding{
	Project: "project-id", Environment: "environment-id", Scope: "app/web", Object: "object-id",
	Version: 3, Type: "type-id", SchemaHash: "hash",
}

var unwrapped = envelope.WrappedKey{ID: "key-id", Project: binding.Project, Environment: binding.Environment}

// newKeyFile creates a key file in a temporary folder and returns its URI.
func newKeyFile(t testing.TB) string {
	t.Helper()
	uri := "file://" + filepath.ToSlash(filepath.Join(t.TempDir(), "key"))
	if err := kms.CreateFile(uri); err != nil {
		t.Fatal(err)
	}
	return uri
}

func newKey(t testing.TB) *envelope.Key {
	t.Helper()
	_, key := generate(t, envelope.New(envelope.Options{Deployment: "deployment-id"}), newKeyFile(t))
	return key
}

func generate(t testing.TB, r *envelope.Keyring, uri string) (envelope.WrappedKey, *envelope.Key) {
	t.Helper()
	w := unwrapped
	w.KMSKey = uri
	w, key, err := r.Generate(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	return w, key
}

func seal(t testing.TB, k *envelope.Key, value string) []byte {
	t.Helper()
	sealed, err := k.Seal(binding, []byte(value))
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func mustNotOpen(t testing.TB, k *envelope.Key, b envelope.Binding, sealed []byte) {
	t.Helper()
	got, err := k.Open(b, sealed)
	if got != nil || !errors.Is(err, backend.ErrCorrupt) {
		t.Errorf("got %d bytes and error %v, want ErrCorrupt", len(got), err)
	}
}

func TestSealAndOpen(t *testing.T) { // TestFIPSOnly looks for this name
	k := newKey(t)
	for _, value := range []string{"", "x", "sooper dooper secret string", strings.Repeat("\x00\xff", 40_000)} {
		sealed := seal(t, k, value)
		if len(sealed) != len(value)+envelope.Overhead {
			t.Errorf("sealed %d bytes into %d, want %d more", len(value), len(sealed), envelope.Overhead)
		}
		got, err := k.Open(binding, sealed)
		if err != nil || string(got) != value {
			t.Errorf("a value of %d bytes came back as %d bytes, error %v", len(value), len(got), err)
		}
	}
}

func TestSealingTwiceGivesDifferentBytes(t *testing.T) {
	k := newKey(t)
	a, b := seal(t, k, "value"), seal(t, k, "value")
	for name, part := range map[string][2]int{
		"salt": {1, 33}, "commitment": {33, 65}, "nonce": {65, 77}, "ciphertext": {77, len(a)},
	} {
		if bytes.Equal(a[part[0]:part[1]], b[part[0]:part[1]]) {
			t.Errorf("two sealed values have the same %s", name)
		}
	}
	if bytes.Contains(a, []byte("value")) {
		t.Error("the sealed bytes contain the value")
	}
}

func TestOpenRefusesAnotherBinding(t *testing.T) {
	k := newKey(t)
	sealed := seal(t, k, "value")
	for name, change := range map[string]func(b *envelope.Binding){
		"project":      func(b *envelope.Binding) { b.Project += "x" },
		"environment":  func(b *envelope.Binding) { b.Environment += "x" },
		"scope":        func(b *envelope.Binding) { b.Scope = "app/api" },
		"object":       func(b *envelope.Binding) { b.Object = "another" },
		"version":      func(b *envelope.Binding) { b.Version-- },
		"type":         func(b *envelope.Binding) { b.Type = "" },
		"schema hash":  func(b *envelope.Binding) { b.SchemaHash = "" },
		"shifted":      func(b *envelope.Binding) { b.Scope, b.Object = b.Scope+b.Object[:1], b.Object[1:] },
		"type to hash": func(b *envelope.Binding) { b.Type, b.SchemaHash = b.Type+b.SchemaHash, "" },
	} {
		t.Run(name, func(t *testing.T) {
			b := binding
			change(&b)
			mustNotOpen(t, k, b, sealed)
		})
	}
}

// All keys of this test have the same 32 bytes. They differ in the deployment or the id only.
func TestOpenRefusesAnotherDeploymentOrKeyID(t *testing.T) {
	constant := func(deployment, id string) *envelope.Key {
		r := envelope.New(envelope.Options{Deployment: deployment, OpenKey: fakeOpener(&fakeKMS{})})
		w := unwrapped
		w.ID, w.KMSKey = id, "fake"
		_, k, err := r.Generate(t.Context(), w)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	sealed := seal(t, constant("deployment-id", "key-id"), "value")
	if _, err := constant("deployment-id", "key-id").Open(binding, sealed); err != nil {
		t.Fatalf("the same key cannot open the value: %v", err)
	}
	mustNotOpen(t, constant("another", "key-id"), binding, sealed)
	mustNotOpen(t, constant("deployment-id", "another"), binding, sealed)
}

func TestOpenRefusesAnotherKey(t *testing.T) {
	mustNotOpen(t, newKey(t), binding, seal(t, newKey(t), "value"))
}

func TestSealRefusesAnotherPlace(t *testing.T) {
	k := newKey(t)
	for _, change := range []func(b *envelope.Binding){
		func(b *envelope.Binding) { b.Environment = "another" },
		func(b *envelope.Binding) { b.Project = "another" },
	} {
		b := binding
		change(&b)
		if sealed, err := k.Seal(b, []byte("value")); sealed != nil || !errors.Is(err, backend.ErrInternal) {
			t.Errorf("got %d bytes and error %v, want ErrInternal", len(sealed), err)
		}
	}
}

func TestOpenRefusesTruncatedOrExtendedBytes(t *testing.T) {
	k := newKey(t)
	sealed := seal(t, k, "value")
	for n := range sealed {
		mustNotOpen(t, k, binding, sealed[:n])
		mustNotOpen(t, k, binding, sealed[n+1:])
	}
	mustNotOpen(t, k, binding, append(bytes.Clone(sealed), 0))
	mustNotOpen(t, k, binding, nil)
}

func TestOpenRefusesAnyFlippedBit(t *testing.T) {
	k := newKey(t)
	sealed := seal(t, k, "value")
	for bit := range len(sealed) * 8 {
		flipped := bytes.Clone(sealed)
		flipped[bit/8] ^= 1 << (bit % 8)
		mustNotOpen(t, k, binding, flipped)
	}
}

// AES-GCM does not cover the commitment, so only the comparison can notice a wrong one.
func TestOpenRefusesAnotherCommitment(t *testing.T) {
	k := newKey(t)
	sealed, other := seal(t, k, "value"), seal(t, k, "value")
	copy(sealed[33:65], other[33:65])
	mustNotOpen(t, k, binding, sealed)
}

func TestMAC(t *testing.T) {
	k := newKey(t)
	fields := func(s ...string) [][]byte {
		out := make([][]byte, len(s))
		for i := range s {
			out[i] = []byte(s[i])
		}
		return out
	}
	row := fields("row", "ab", "c", "")
	mac := k.MAC(row...)
	if len(mac) != 32 || !k.VerifyMAC(mac, row...) || !bytes.Equal(mac, k.MAC(row...)) {
		t.Fatal("the MAC of a row does not verify")
	}
	for name, other := range map[string][][]byte{
		"shifted":        fields("row", "a", "bc", ""),
		"merged":         fields("row", "abc", "", ""),
		"swapped":        fields("row", "c", "ab", ""),
		"another type":   fields("version", "ab", "c", ""),
		"a field less":   fields("row", "ab", "c"),
		"a field more":   fields("row", "ab", "c", "", ""),
		"length in data": fields("row", "ab\x00\x00\x00\x00\x00\x00\x00\x01c", ""),
		"no fields":      nil,
	} {
		if k.VerifyMAC(mac, other...) {
			t.Errorf("the MAC verifies for other fields: %s", name)
		}
	}
	for n := range mac {
		if k.VerifyMAC(mac[:n], row...) {
			t.Errorf("the first %d bytes of the MAC verify", n)
		}
	}
	if newKey(t).VerifyMAC(mac, row...) {
		t.Error("the MAC verifies with another key")
	}
}

func TestKeyHidesItsBytes(t *testing.T) {
	r := envelope.New(envelope.Options{Deployment: "d", OpenKey: fakeOpener(&fakeKMS{})})
	_, k := generate(t, r, "fake")
	// The data key of the fake KMS, as the verbs of fmt print it.
	canaries := []string{
		string(bytes.Repeat([]byte{constantByte}, 8)),
		fmt.Sprintf("%x", bytes.Repeat([]byte{constantByte}, 8)),
		strings.TrimSpace(strings.Repeat(fmt.Sprintf("%d ", constantByte), 8)),
		strings.Repeat(fmt.Sprintf("%#x, ", constantByte), 3),
	}
	encoded, _ := json.Marshal(k)
	shown := string(encoded)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, v := range []any{k, *k, struct{ K any }{*k}, r} {
			shown += fmt.Sprintf(verb, v)
		}
	}
	for _, canary := range canaries {
		if strings.Contains(shown, canary) {
			t.Errorf("printing a key shows %q", canary)
		}
	}
	if got := k.String(); got != "environment key key-id" || k.ID() != "key-id" {
		t.Errorf("got %q and id %q", got, k.ID())
	}
}

func FuzzOpenInvertsSeal(f *testing.F) {
	k := newKey(f)
	f.Add([]byte(nil), "scope", "object", int64(1))
	f.Add([]byte("value"), "", "\xff\x00", int64(-1))
	f.Fuzz(func(t *testing.T, value []byte, scope, object string, version int64) {
		b := binding
		b.Scope, b.Object, b.Version = scope, object, version
		sealed, err := k.Seal(b, value)
		if err != nil {
			t.Fatal(err)
		}
		got, err := k.Open(b, sealed)
		if err != nil || !bytes.Equal(got, value) {
			t.Fatalf("sealed %d bytes, opened %d, error %v", len(value), len(got), err)
		}
	})
}

func FuzzOpenRefusesMutatedBytes(f *testing.F) {
	k := newKey(f)
	f.Add([]byte("value"), 0, byte(1), 0)
	f.Add([]byte("value"), 40, byte(0x80), 0)
	f.Add([]byte(""), 0, byte(0), 7)
	f.Fuzz(func(t *testing.T, value []byte, at int, mask byte, cut int) {
		sealed, err := k.Seal(binding, value)
		if err != nil {
			t.Fatal(err)
		}
		mutated := bytes.Clone(sealed)
		mutated[uint(at)%uint(len(mutated))] ^= mask
		mutated = mutated[:uint(len(mutated))-uint(cut)%uint(len(mutated)+1)]
		got, err := k.Open(binding, mutated)
		if same := bytes.Equal(mutated, sealed); same != (err == nil) {
			t.Fatalf("changed: %v, error: %v", !same, err)
		} else if !same && (got != nil || !errors.Is(err, backend.ErrCorrupt)) {
			t.Fatalf("got %d bytes and error %v, want ErrCorrupt", len(got), err)
		}
	})
}

// FuzzOpenRefusesArbitraryBytes checks that bytes that Seal did not make give ErrCorrupt and no panic.
func FuzzOpenRefusesArbitraryBytes(f *testing.F) {
	k := newKey(f)
	f.Add([]byte(nil))
	f.Add(append([]byte{1}, make([]byte, envelope.Overhead)...))
	f.Fuzz(func(t *testing.T, data []byte) { mustNotOpen(t, k, binding, data) })
}
