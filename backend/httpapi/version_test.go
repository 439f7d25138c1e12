// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestServerAcceptsItsOwnAndThePreviousWireVersion(t *testing.T) {
	for _, c := range []struct {
		own    int
		header string
		want   string // part of the error; "" if accepted
	}{
		{1, "", ""}, {1, "1", ""}, {2, "", ""}, {2, "1", ""}, {2, "2", ""}, {3, "2", ""}, {3, "3", ""},
		{3, "", "the client speaks wire version 1; the server speaks 2 and 3; upgrade pouncet and the provider"},
		{3, "1", "wire version 1; the server speaks 2 and 3"},
		{1, "2", "wire version 2 and the server only 1; upgrade the server"},
		{1, "0", "not valid"}, {1, "-1", "not valid"}, {1, "one", "not valid"}, {1, "1.0", "not valid"},
		{1, "+1", "not valid"},
	} {
		err := checkWireVersion(c.own, c.header)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("server %d, header %q: %v, want %q", c.own, c.header, err, c.want)
		}
	}
}

func TestUnsupportedWireVersionIsRefusedFirst(t *testing.T) {
	handler := NewServer(nil, nil, Options{}) // nil fails if the service or the authentication is called
	for _, path := range []string{"/v1/query", "/v1/resolve", "/v1/value", "/v1/apply"} {
		request := httptest.NewRequest(http.MethodPost, path, strings.NewReader("{}"))
		request.Header.Set(versionHeader, "99")
		response := httptest.NewRecorder()
		handler.ServeHTTP(response, request)
		if response.Code != http.StatusBadRequest || !strings.Contains(response.Body.String(), "upgrade the server") {
			t.Errorf("%s: status %d, %s", path, response.Code, response.Body)
		}
		if got := response.Header().Get(versionHeader); got != "1" {
			t.Errorf("%s: the response says version %q", path, got)
		}
	}
}
