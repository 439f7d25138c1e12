// SPDX-License-Identifier: MPL-2.0

package servicetest

import (
	"bytes"
	"crypto/sha256"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// everyByte has each byte once, so it is not UTF-8.
func everyByte() []byte {
	out := make([]byte, 256)
	for i := range out {
		out[i] = byte(i)
	}
	return out
}

// manyBytes returns n bytes that look random and are not UTF-8.
func manyBytes(n int) []byte {
	out := []byte{0xff}
	for sum := sha256.Sum256(nil); len(out) < n; sum = sha256.Sum256(sum[:]) {
		out = append(out, sum[:]...)
	}
	return out[:n]
}

func binary(name string, value []byte) backend.Change {
	c := secret("dev", name, "")
	c.Value = backend.NewPlaintext(value)
	return c
}

var binaryCases = []testCase{
	{"a value of any bytes comes back unchanged", func(f *fixture) {
		f.environments("dev")
		for name, value := range map[string][]byte{
			"every": everyByte(), "one": {0xff}, "largest": manyBytes(65_536), "zero": {0}, "mark": []byte("\ufeffx\x00"),
			"half": []byte("text\xc3"),
		} {
			f.must(binary(name, value))
			if got := f.value(secretRef("dev", name)); got != string(value) {
				f.Errorf("%s: %d bytes came back as %d other ones", name, len(value), len(got))
			}
			equal(f, "the same value again", f.must(binary(name, value))[0].Action, backend.ActionUnchanged)
		}
		f.mentions(f.refused(backend.ErrTooLarge, binary("larger", manyBytes(65_537))), "65537", "65536")
		f.refused(backend.ErrInvalid, binary("empty", nil))
	}},
	{"a binary value has versions like a text", func(f *fixture) {
		f.environments("dev")
		first, second := everyByte(), append(everyByte(), 0xff)
		f.must(binary("s", first))
		f.must(binary("s", second))
		f.must(binary("s", []byte("text")))
		versions := f.versionsOf("s")
		for i, want := range []bool{false, true, true} {
			equal(f, "a version is binary", versions[i].Binary, want)
		}
		out := f.dry(compared("s", "1", backend.VersionOf{Version: "2"}))[0]
		equal(f, "compared with another value", out.Action, backend.ActionUpdate)
		equal(f, "fields", len(out.Fields), 0)
		f.must(rollback("s", "1"))
		equal(f, "compared with its rollback", f.dry(compared("s", "1", backend.VersionOf{Version: "4"}))[0].Action,
			backend.ActionUnchanged)
		if got := f.value(secretRef("dev", "s")); !bytes.Equal([]byte(got), first) {
			f.Errorf("the rollback has %d other bytes", len(got))
		}
		equal(f, "the rollback is binary", f.versionsOf("s")[0].Binary, true)
	}},
	{"a binary value has no type and no fields", func(f *fixture) {
		f.environments("dev")
		text := binary("typed", []byte("CANARY\xff"))
		text.Type = ptr("password")
		err := f.refused(backend.ErrInvalid, text)
		f.mentions(err, "binary", "password")
		f.conceals(err, "CANARY")
		text.Type = ptr("database_connection")
		text.Value = backend.PlaintextString(`{"host":"` + "\xff" + `"}`)
		f.mentions(f.refused(backend.ErrInvalid, text), "binary", "database_connection")
		f.must(binary("s", everyByte()))
		retyped := secret("dev", "s", "")
		retyped.Type = ptr("password")
		f.mentions(f.refused(backend.ErrInvalid, retyped), "binary")
		ref := secretRef("dev", "s")
		ref.Field = "a"
		f.mentions(f.unresolved(backend.ErrInvalid, ref), "binary", "no fields")
		f.must(link("dev", "l", "s", ""))
		if f.value(valueRef("dev", "l")) != string(everyByte()) {
			f.Error("a link to the secret has another value")
		}
	}},
}
