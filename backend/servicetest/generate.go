// SPDX-License-Identifier: MPL-2.0

package servicetest

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"regexp"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// generates makes the backend generate the value of a secret of a type. Fields of value that are not marked stay.
func generates(typeKey, name, value string) backend.Change {
	c := typed(typeKey, secret("dev", name, value))
	c.Generate = &backend.Generate{}
	return c
}

func schemaOf(key, schema string) backend.Change {
	return backend.Change{Op: backend.OpSet, Kind: backend.KindSecretType, Project: project, Name: key,
		Schema: json.RawMessage(schema)}
}

const loginSchema = `{"type":"object","required":["user","password"],"properties":{
	"user":{"type":"string"},
	"password":{"type":"string","minLength":40,"x-generate":{}},
	"api":{"type":"object","properties":{
		"pin":{"type":"string","pattern":"^[0-9]+$","x-generate":{"length":12,"alphabet":"0123456789"}},
		"id":{"type":"string","format":"uuid","x-generate":{"uuid":true}},
		"url":{"type":"string"}}}},
	"additionalProperties":false}`

type login struct {
	User, Password string
	API            struct{ Pin, ID, URL string }
}

// login resolves and decodes a secret of loginSchema.
func (f *fixture) login(name string) login {
	f.Helper()
	var l login
	if err := json.Unmarshal([]byte(f.value(secretRef("dev", name))), &l); err != nil {
		f.Fatal(err)
	}
	return l
}

var uuidPattern = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

var generateCases = []testCase{
	{"a dry run generates fields into the value that the same set gives", func(f *fixture) {
		f.environments("dev")
		f.must(schemaOf("login", loginSchema), generates("login", "a", `{"user":"u"}`))
		changes := []backend.Change{
			typed("login", secret("dev", "a", `{"user":"new","password":"`+strings.Repeat("p", 40)+`"}`)),
			generates("login", "a", ""),
		}
		for _, dryRun := range []bool{true, false} {
			out, err := f.Apply(context.Background(), backend.ChangeSet{DryRun: dryRun, Changes: changes})
			if err != nil || out[0].Err != nil || out[1].Err != nil {
				f.Fatalf("dry run %t: %+v, %v", dryRun, out, err)
			}
		}
		equal(f, "user", f.login("a").User, "new")
	}},
	{"the marked fields of JSON are generated, and the others stay", func(f *fixture) {
		f.environments("dev")
		f.must(schemaOf("login", loginSchema))
		f.must(generates("login", "s", `{"user":"u","password":"given","api":{"url":"http://x/?a=1&b=<2>"}}`))
		first := f.login("s")
		equal(f, "user", first.User, "u")
		equal(f, "url", first.API.URL, "http://x/?a=1&b=<2>")
		equal(f, "characters", len(first.Password), 40)
		if !regexp.MustCompile(`^[0-9]{12}$`).MatchString(first.API.Pin) || !uuidPattern.MatchString(first.API.ID) {
			f.Errorf("the generated fields do not have their form")
		}
		out := f.must(generates("login", "s", ""))[0]
		equal(f, "action", out.Action, backend.ActionUpdate)
		second := f.login("s")
		equal(f, "user after a rotation", second.User, "u")
		equal(f, "url after a rotation", second.API.URL, first.API.URL)
		if second.Password == first.Password || second.API.Pin == first.API.Pin || second.API.ID == first.API.ID {
			f.Error("a rotation keeps a generated field")
		}
		equal(f, "version in a dry run", f.dry(generates("login", "s", ""))[0].Object.Version, 3)
	}},
	{"what cannot be generated is refused, and nothing changes", func(f *fixture) {
		f.environments("dev")
		f.must(schemaOf("login", loginSchema), schemaOf("unmarked", `{"type":"object"}`))
		f.mentions(f.refused(backend.ErrInvalid, generates("login", "s", "")), "user")
		f.mentions(f.refused(backend.ErrInvalid, generates("unmarked", "s", "")), "x-generate")
		f.mentions(f.refused(backend.ErrInvalid, generates("login", "s", `["CANARY"]`)), "not a JSON object")
		f.mentions(f.refused(backend.ErrInvalid, generates("login", "s", `{"user":"u","api":"CANARY"}`)), "api")
		sized := generates("login", "s", `{"user":"u"}`)
		sized.Generate.Length = 50
		f.mentions(f.refused(backend.ErrInvalid, sized), "says how")
		f.mentions(f.refused(backend.ErrInvalid, generates("password", "s", "v")), "both")
		f.resolve(secretRef("dev", "s"))
		f.unresolved(backend.ErrNotFound, secretRef("dev", "s"))
	}},
	{"a mark that generates nothing is refused with its schema", func(f *fixture) {
		for schema, want := range map[string]string{
			`{"type":"string","x-generate":true}`:                                                       "must be an object",
			`{"type":"string","x-generate":{"size":4}}`:                                                 "must be an object",
			`{"type":"string","x-generate":{"length":4}}`:                                               "from 8 to 1024",
			`{"type":"string","x-generate":{"alphabet":"ab"}}`:                                          "10 to 1024",
			`{"type":"string","x-generate":{"uuid":true,"length":20}}`:                                  "exclude",
			`{"type":"object","x-generate":{"key_pair":"rsa-512"}}`:                                     "rsa-2048, rsa-3072",
			`{"type":"object","x-generate":{}}`:                                                         `"type": "string"`,
			`{"type":"string","x-generate":{"key_pair":"ed25519"}}`:                                     `"type": "object"`,
			`{"type":"array","items":{"type":"string","x-generate":{}}}`:                                "can be generated",
			`{"type":"object","properties":{"a":{"$ref":"#/$defs/d"}},"$defs":{"d":{"x-generate":{}}}}`: "can be generated",
			`{"type":"object","properties":{"a":{"type":"integer","x-generate":{}}}}`:                   "field \"a\"",
		} {
			err := f.refused(backend.ErrInvalid, schemaOf("t", schema))
			f.mentions(err, want)
			equal(f, "attribute", err.Attribute, "schema")
		}
		f.must(schemaOf("t", `{"type":"object","default":{"x-generate":1},"properties":{"x-generate":{"type":"string"}}}`))
	}},
	{"key pairs and UUIDs are generated by built-in types", func(f *fixture) {
		f.environments("dev")
		for key, want := range map[string]string{
			"rsa_2048_key_pair": "rsa 2048", "ecdsa_p256_key_pair": "ecdsa P-256", "ecdsa_p384_key_pair": "ecdsa P-384",
			"ed25519_key_pair": "ed25519",
		} {
			equal(f, "action in a dry run", f.dry(generates(key, key, ""))[0].Action, backend.ActionCreate)
			f.must(generates(key, key, ""))
			first := f.value(secretRef("dev", key))
			equal(f, "key pair", keyPairIn(f, first), want)
			out := f.dry(generates(key, key, ""))[0]
			equal(f, "version in a dry run", out.Object.Version, 2)
			f.must(generates(key, key, ""))
			if f.value(secretRef("dev", key)) == first {
				f.Errorf("%s: a rotation keeps the key pair", key)
			}
		}
		f.must(generates("uuid", "id", ""))
		if id := f.value(secretRef("dev", "id")); !uuidPattern.MatchString(id) {
			f.Errorf("%q is not a random UUID", id)
		}
		f.refused(backend.ErrInvalid, typed("uuid", secret("dev", "id", "CANARY")))
		var many []backend.Change
		for i := range 9 {
			many = append(many, generates("ed25519_key_pair", fmt.Sprint("k", i), ""))
		}
		f.mentions(f.refused(backend.ErrTooLarge, many...), "8 key pairs")
		f.must(many[:8]...)
	}},
}

// keyPairIn returns the kind of the key pair in a value. Its keys must belong together.
func keyPairIn(f *fixture, value string) string {
	f.Helper()
	var pair struct {
		Private string `json:"private_key"`
		Public  string `json:"public_key"`
	}
	if err := json.Unmarshal([]byte(value), &pair); err != nil {
		f.Fatal(err)
	}
	decode := func(text, want string) []byte {
		block, rest := pem.Decode([]byte(text))
		if block == nil || block.Type != want || strings.TrimSpace(string(rest)) != "" {
			f.Fatalf("no PEM of a %s", want)
		}
		return block.Bytes
	}
	private, err := x509.ParsePKCS8PrivateKey(decode(pair.Private, "PRIVATE KEY"))
	if err != nil {
		f.Fatal(err)
	}
	public, err := x509.ParsePKIXPublicKey(decode(pair.Public, "PUBLIC KEY"))
	if err != nil {
		f.Fatal(err)
	}
	belongs, kind := false, ""
	switch k := private.(type) {
	case *rsa.PrivateKey:
		belongs, kind = k.PublicKey.Equal(public), fmt.Sprint("rsa ", k.N.BitLen())
	case *ecdsa.PrivateKey:
		belongs, kind = k.PublicKey.Equal(public), "ecdsa "+k.Curve.Params().Name
	case ed25519.PrivateKey:
		belongs, kind = k.Public().(ed25519.PublicKey).Equal(public), "ed25519"
	}
	if !belongs {
		f.Error("the public key does not belong to the private key")
	}
	return kind
}
