// SPDX-License-Identifier: MPL-2.0

package httpapi_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// mutated returns the JSON of a value of the type with random fields, and sometimes broken.
func mutated(body reflect.Type, random *rand.Rand) []byte {
	if body == nil {
		return nil
	}
	v := reflect.New(body).Elem()
	mutate(v, random)
	text, err := json.Marshal(v.Interface())
	if err != nil {
		text = []byte(`{"changes":[{"json":`) // a field with invalid JSON
	}
	switch random.IntN(8) {
	case 0:
		return text[:random.IntN(len(text)+1)]
	case 1:
		return append(text, text...)
	case 2:
		text[random.IntN(len(text))] ^= 1 << random.IntN(8)
	}
	return text
}

// texts are the values of text fields: names that exist, the words of the wire, and hostile ones.
var texts = []string{"", backend.DefaultProject, "dev", "kept", "other", "a", "b", "~a", "*", "project", "app/x",
	"previous", "1", "9999999999999999999", "set", "create", "update", "delete", "restore", "secret", "scoped_value",
	"environment",
	"secret_type", "token", "usage", "admin", "viewer", "masked", "restricted", "builtin:password", "password",
	"00000000-0000-7000-8000-000000000000", "file:///etc/shadow", "aws-kms:///alias/x", "file:kms.key",
	strings.Repeat("x", 300), strings.Repeat("[0]", 500), "a\x00b", "\u202e", "../../x", "(a{1000}){1000}",
	"(abcdefghij){1000}", "' OR 1=1 --"}

var documents = []string{"null", "{}", "[]", `"a"`, "1e1000000", `{"type":"string"}`, `{"type":"object"}`,
	`{"pattern":"(a?){900}b"}`, `{"$ref":"#"}`, `{"allOf":[{"$ref":"#"},{"$ref":"#"}]}`,
	strings.Repeat("[", 200) + strings.Repeat("]", 200), `{"type":"object","properties":{"n":{"minimum":1}}}`}

// mutate sets random fields of v.
func mutate(v reflect.Value, random *rand.Rand) {
	if v.Type() == reflect.TypeFor[json.RawMessage]() {
		v.SetBytes([]byte(documents[random.IntN(len(documents))]))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(texts[random.IntN(len(texts))])
	case reflect.Bool:
		v.SetBool(random.IntN(2) == 0)
	case reflect.Int, reflect.Int64:
		v.SetInt([]int64{0, 1, 2, -1, 100, 1 << 40, -1 << 62}[random.IntN(7)])
	case reflect.Uint8:
		v.SetUint(uint64(random.IntN(256)))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		mutate(v.Elem(), random)
	case reflect.Slice:
		n := []int{0, 1, 2, 32, 40}[random.IntN(5)]
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			mutate(v.Index(i), random)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range random.IntN(70) {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			key.SetString(fmt.Sprint(random.IntN(100)))
			mutate(value, random)
			v.SetMapIndex(key, value)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Field(i)
			if f.CanSet() && f.Kind() != reflect.Func && (v.Type().Field(i).Anonymous || random.IntN(3) == 0) {
				mutate(f, random)
			}
		}
	}
}
