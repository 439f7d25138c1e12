// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the OpenAPI document")

// TestOpenAPI makes the document from the routes, the types that they decode and encode, the table of statuses and the
// texts in openapi_text_test.go. It compares the document with the one that the server contains and its copy in docs/.
// After a change, run: go test ./backend/httpapi -run TestOpenAPI -update.
func TestOpenAPI(t *testing.T) {
	document := openAPIDocument(t)
	for _, file := range []string{"openapi.json", "../../docs/openapi.json"} {
		if *update && !t.Failed() {
			if err := os.WriteFile(file, document, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, document) {
			t.Errorf("%s is not current (%v): run go test ./backend/httpapi -run TestOpenAPI -update", file, err)
		}
	}
}

func TestOpenAPIIsServedWithoutAToken(t *testing.T) {
	w := httptest.NewRecorder()
	NewServer(nil, nil, Options{}).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet,
		"/v1/openapi.json", nil))
	if w.Code != http.StatusOK || w.Body.String() != OpenAPI() || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("status %d, %v, %d bytes", w.Code, w.Header(), w.Body.Len())
	}
}

// openAPIDocument returns the document.
func openAPIDocument(t *testing.T) []byte {
	t.Helper()
	s := newSchemas(t)
	paths, described := object{}, 0
	for _, e := range routes(&server{}) {
		o, ok := openAPIOperations[e.method+" "+e.path]
		if !ok {
			t.Errorf("%s %s is not described: add it to openAPIOperations", e.method, e.path)
			continue
		}
		described++
		paths[e.path] = object{strings.ToLower(e.method): s.operation(e, o)}
	}
	if described != len(openAPIOperations) {
		t.Errorf("%d operations are described, and the server has %d", len(openAPIOperations), described)
	}
	headers := object{}
	for _, h := range openAPIHeaders {
		headers[h.name] = object{"description": h.text, "required": h.required, "schema": object{"type": "string"}}
	}
	document := object{
		"openapi": "3.1.1",
		"info": object{"title": "Pouncet", "version": strconv.Itoa(WireVersion), "description": openAPIIntroduction,
			"license": object{"name": "MPL-2.0", "identifier": "MPL-2.0"}},
		"servers": []object{{"url": "/"}},
		"paths":   paths,
		"components": object{
			"schemas":   s.byName,
			"responses": s.responses,
			"headers":   headers,
			"securitySchemes": object{"token": object{"type": "http", "scheme": "bearer",
				"description": "A token, which `pouncet token create` prints."}},
		},
	}
	for key := range s.texts {
		t.Errorf("openAPITexts describes %s, which does not exist", key)
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(document); err != nil {
		t.Fatal(err)
	}
	return text.Bytes()
}

// operation describes one route.
func (s *schemas) operation(e endpoint, o operation) object {
	made := object{"operationId": o.id, "summary": o.summary, "description": o.text, "security": o.security()}
	if o.deprecated {
		made["deprecated"] = true
	}
	parameters := []object{}
	for _, h := range openAPIRequestHeaders {
		if h.on(e) {
			parameters = append(parameters, object{"name": h.name, "in": "header", "description": h.text,
				"schema": h.schema})
		}
	}
	made["parameters"] = parameters
	if e.body != nil {
		s.request = true
		made["requestBody"] = object{"required": true, "content": content(s.of(e.body))}
		s.request = false
	}
	answer := object{"type": "object", "description": "An OpenAPI document."}
	if e.answer != nil {
		answer = s.of(e.answer)
	}
	responses := object{"200": s.response(e, http.StatusOK, o.result, answer)}
	for status, text := range refusals(e) {
		responses[strconv.Itoa(status)] = s.refusal(e, status, text, answer)
	}
	if e.path == "/readyz" {
		responses["503"] = s.response(e, http.StatusServiceUnavailable, "The database or the KMS cannot be used.", answer)
	}
	made["responses"] = responses
	return made
}

// refusals describes the statuses of a route that come with an error.
func refusals(e endpoint) map[int]string {
	if e.body == nil {
		return map[int]string{http.StatusInternalServerError: "A defect of the server."}
	}
	all := map[int]string{http.StatusTooManyRequests: "The server has too many requests, or the token has more than its " +
		"limit. The error has the code `unavailable`."}
	for _, row := range statuses {
		if before := all[row.status]; before != "" {
			all[row.status] = strings.TrimSuffix(before, ".") + ", or `" + string(row.code) + "`."
			continue
		}
		all[row.status] = "The error has the code `" + string(row.code) + "`."
	}
	return all
}

// refusal refers to the response of a route with an error, which it adds to the responses of other routes.
func (s *schemas) refusal(e endpoint, status int, text string, answer object) object {
	schema, name := s.of(reflect.TypeFor[envelope]()), "Error"
	switch {
	case e.body == nil:
		name = "Defect"
	case e.path == "/v1/apply":
		// The error is in the answer if the outcomes are known.
		schema, name = object{"anyOf": []object{schema, answer}}, "ApplyError"
	}
	name += strconv.Itoa(status)
	s.responses[name] = s.response(e, status, text, schema)
	return object{"$ref": "#/components/responses/" + name}
}

func (s *schemas) response(e endpoint, status int, text string, schema object) object {
	headers := object{}
	for _, h := range openAPIHeaders {
		if h.on(e, status) {
			headers[h.name] = object{"$ref": "#/components/headers/" + h.name}
		}
	}
	return object{"description": text, "headers": headers, "content": content(schema)}
}

func content(schema object) object {
	return object{"application/json": object{"schema": schema}}
}
