// SPDX-License-Identifier: MPL-2.0

package merkle_test

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/pouncet/terraform-provider-pouncet/backend/merkle"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

var signingKey = ed25519.NewKeyFromSeed([]byte("the seed of a key of these tests"))

func verifierKey(t *testing.T, deployment string) string {
	t.Helper()
	key, err := merkle.VerifierKey(deployment, signingKey.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func checkpoint() merkle.Checkpoint {
	id := func(kind store.LogKind, log string) merkle.LogID { return merkle.LogID{Records: kind, Log: log} }
	return merkle.Checkpoint{Deployment: "d-1", At: time.Unix(1_700_000_000, 0).UTC(), Heads: []merkle.Head{
		{LogID: id(store.ChangeLog, ""), First: 1, Size: 0, Root: merkle.Tree{}.Root()},
		{LogID: id(store.ChangeLog, "p"), First: 7, Size: 3, Root: tlog.RecordHash([]byte("a"))},
		{LogID: id(store.ReadLog, "p"), First: 1, Size: 12, Root: tlog.RecordHash([]byte("b"))},
	}}
}

const checkpointText = `pouncet audit checkpoint v1
d-1
2023-11-14T22:13:20Z

pouncet/d-1/changes/
0
47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=

pouncet/d-1/changes/p from 7
3
Aippeebat6pa5MPl5F9+l3ESp+Y1k4INvsHsc4ok+Tw=

pouncet/d-1/reads/p
12
V+s1YV1H807HFMrN9f10YIpejhAnJOgLJLKHwMJ7ajE=
`

func TestCheckpointsAreSignedNotes(t *testing.T) {
	c := checkpoint()
	signed, err := c.Sign(signingKey)
	if err != nil {
		t.Fatal(err)
	}
	text, signature, _ := strings.Cut(string(signed), "\n\u2014 ")
	if text != checkpointText || !strings.HasPrefix(signature, "pouncet/d-1 ") {
		t.Errorf("the signed checkpoint is\n%s", signed)
	}
	for _, form := range []string{string(signed), strings.ReplaceAll(string(signed), "\n", "\r\n")} {
		opened, err := merkle.OpenCheckpoint([]byte(form), verifierKey(t, "d-1"))
		if err != nil || opened.Text() != c.Text() || len(opened.Heads) != 3 || opened.Heads[1] != c.Heads[1] {
			t.Errorf("the opened checkpoint is %+v, %v", opened, err)
		}
	}
	if _, err := merkle.OpenCheckpoint(signed, verifierKey(t, "d-2")); err == nil {
		t.Error("the key of another deployment opens it")
	}
	for i := range signed {
		changed := append([]byte(nil), signed...)
		changed[i] ^= 1
		opened, err := merkle.OpenCheckpoint(changed, verifierKey(t, "d-1"))
		if err == nil && opened.Text() != c.Text() {
			t.Errorf("with byte %d changed, it says %s", i, opened.Text())
		}
	}
}

func TestOneFormOfACheckpointIsAccepted(t *testing.T) {
	text := checkpoint().Text()
	if _, err := merkle.ParseCheckpoint(text); err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []string{"", "x\n" + text, text + "\n", text + "\nmore\n", strings.TrimSuffix(text, "\n"),
		strings.Replace(text, "from 7", "from 07", 1), strings.Replace(text, "from 7", "from x", 1),
		strings.Replace(text, "\n3\n", "\n-3\n", 1), strings.Replace(text, "\n3\n", "\n+3\n", 1),
		strings.Replace(text, "pouncet/d-1/reads", "pouncet/d-2/reads", 1),
		strings.Replace(text, "2023", "the year 2023", 1), strings.Replace(text, "22:13:20Z", "22:13:20+00:00", 1)} {
		if c, err := merkle.ParseCheckpoint(wrong); err == nil {
			t.Errorf("%q is accepted as %+v", wrong, c)
		}
	}
}

func TestProofsOfAllRecords(t *testing.T) {
	key := verifierKey(t, "d")
	for size := int64(1); size <= 40; size++ {
		var tree merkle.Tree
		lines, leaves := make([]string, size), make([]merkle.Hash, size)
		for i := range lines {
			r := record()
			r.Number = int64(i) + 5
			lines[i] = string(merkle.Leaf(store.ReadLog, r))
			leaves[i] = tlog.RecordHash([]byte(lines[i]))
			tree.Add(leaves[i])
		}
		c := merkle.Checkpoint{Deployment: "d", Heads: []merkle.Head{{
			LogID: merkle.LogID{Records: store.ReadLog, Log: "p"}, First: 5, Size: size, Root: tree.Root()}}}
		signed, err := c.Sign(signingKey)
		if err != nil {
			t.Fatal(err)
		}
		each := func(f func(merkle.Hash) error) error {
			for _, leaf := range append(leaves, merkle.Hash{}) { // a log may have more records than the checkpoint
				if err := f(leaf); err != nil {
					return err
				}
			}
			return nil
		}
		for i := range size {
			hashes, err := merkle.Prove(size, i, each)
			if err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(merkle.Proof{Record: lines[i], Hashes: hashes, Checkpoint: string(signed)})
			if err != nil {
				t.Fatal(err)
			}
			var p merkle.Proof
			if err := json.Unmarshal(text, &p); err != nil {
				t.Fatal(err)
			}
			if _, err := p.Check(key); err != nil {
				t.Fatalf("record %d of %d: %v", i, size, err)
			}
			wrong := p
			wrong.Record = strings.Replace(p.Record, "admin", "viewer", 1)
			if _, err := wrong.Check(key); err == nil {
				t.Fatalf("record %d of %d: another record is proved", i, size)
			}
			wrong.Record = lines[(i+1)%size]
			if _, err := wrong.Check(key); err == nil && size > 1 {
				t.Fatalf("record %d of %d: it proves the next record", i, size)
			}
		}
	}
}

func TestWrongProofsAreRefused(t *testing.T) {
	key := verifierKey(t, "d-1")
	signed, err := checkpoint().Sign(signingKey)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ record, says string }{
		{`{`, "not valid JSON"},
		{`{"records":"reads","log":"q","number":1}`, "does not name the log"},
		{`{"records":"reads","log":"p","number":13}`, "record 13 is not among the 12 records"},
		{`{"records":"changes","log":"p","number":6}`, "record 6 is not among the 3 records"},
		{`{"records":"reads","log":"p","number":1}`, "do not lead to the root"},
	} {
		_, err := merkle.Proof{Record: c.record, Checkpoint: string(signed)}.Check(key)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want an error that says %q", c.record, err, c.says)
		}
	}
	_, err = merkle.Proof{Checkpoint: "x"}.Check(key)
	if err == nil || !strings.Contains(fmt.Sprint(err), "signature") {
		t.Errorf("without a checkpoint: %v", err)
	}
	if _, err := merkle.Prove(5, 1, func(func(merkle.Hash) error) error { return nil }); err == nil {
		t.Error("a log that lacks leaves gives a proof")
	}
}
