// SPDX-License-Identifier: MPL-2.0

package httpapi_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
)

// Of two fields with the same name, the decoder would take the last one.
func TestAFieldThatOccursTwiceIsRefused(t *testing.T) {
	handler := httpapi.NewServer(&scripted{}, authenticate, httpapi.Options{})
	many := strings.Builder{}
	for i := range 100 {
		fmt.Fprintf(&many, `"l%d":"",`, i)
	}
	for _, c := range []struct {
		path, body string
		status     int
	}{
		{"apply", `{"changes":[{"op":"set","op":"delete","kind":"secret","name":"a"}]}`, 400},
		{"apply", `{"changes":[{"op":"set","OP":"delete","kind":"secret","name":"a"}]}`, 400},
		{"apply", `{"changes":[{"op":"set","\u006fp":"delete","kind":"secret","name":"a"}]}`, 400},
		{"apply", `{"changes":[],"dry_run":true,"DRY_RUN":false}`, 400},
		{"apply", `{"changes":[],"changes":[]}`, 400},
		{"resolve", `{"refs":[],"refſ":[]}`, 400}, // U+017F counts as an s
		{"apply", `{"changes":[{"labels":{"a":"1","a":"2"}}]}`, 400},
		{"apply", `{"changes":[{"labels":{` + many.String() + `"l7":""}}]}`, 400},
		{"apply", `{"changes":[{"json":{"a":[{"b":1,"b":2}]}}]}`, 400},
		{"apply", `{"changes":[{"link":{"secret":"a","Secret":"b"}}]}`, 400},
		{"apply", `{"changes":[{"json":{"a":1}},{"link":{"secret":"a","Secret":"b"}}]}`, 400},
		{"resolve", `{"refs":[{"name":"a","name":"b"}]}`, 400},
		{"query", `{"kind":"secret","kind":"token"}`, 400},

		{"apply", `{"changes":[{"op":"set","name":"op"},{"op":"set","name":"op"}]}`, 200},
		{"apply", `{"changes":[{"labels":{"a":"1","A":"2",` + many.String() + `"b":""}}]}`, 200},
		{"apply", `{"changes":[{"json":{"a":{"a":1,"A":["a","a",{"a":1},{"a":2}]}}}]}`, 200},
		{"apply", `{"changes":[{"json":{"\"":1,"\\":2,"\\\"":3}}]}`, 200},
	} {
		for _, body := range []io.Reader{strings.NewReader(c.body), iotest.OneByteReader(strings.NewReader(c.body))} {
			response := httptest.NewRecorder()
			handler.ServeHTTP(response, request(c.path, body))
			if refused := strings.Contains(response.Body.String(), "twice in one object"); response.Code != c.status ||
				refused != (c.status == http.StatusBadRequest) {
				t.Errorf("%s %s: status %d, %s", c.path, c.body, response.Code, response.Body)
			}
		}
	}
}

// A text can stand where no object is open. The check for names must leave that to the decoder.
func TestNamesOutsideObjectsAreRefused(t *testing.T) {
	handler := httpapi.NewServer(&scripted{}, authenticate, httpapi.Options{})
	for _, body := range []string{`,"a"`, `,"a":1`, `}},"a"`, `[,"a"]`, `{},"a"`, `"a","a"`} {
		response := httptest.NewRecorder()
		handler.ServeHTTP(response, request("query", strings.NewReader(body)))
		if response.Code != http.StatusBadRequest {
			t.Errorf("%s: status %d, %s", body, response.Code, response.Body)
		}
	}
}
