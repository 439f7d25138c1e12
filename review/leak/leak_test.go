// SPDX-License-Identifier: MPL-2.0

package leak

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// secret is built from two parts, so that no scanner reports this file.
var secret = "AKIA" + "Q3EGRIT6ZT7WMZXQ"

func TestScan(t *testing.T) {
	s, err := New()
	if err != nil {
		t.Fatal(err)
	}
	text := "# first\naws:\n  ä: {access_key: " + secret + "}\n" +
		"password: \"{{ get_secret_value('q9X2mPz7LkV4tRbW8nYc') }}\"\n" +
		"api_key: pouncet://-/-/q9X2mPz7LkV4tRbW8nYc\nother: plain\n"
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			leaks := s.Scan("a.yaml", []byte(text))
			if len(leaks) != 1 || leaks[0].Line != 3 || leaks[0].Column != 19 || leaks[0].Rule != "aws-access-token" {
				t.Errorf("%+v", leaks)
			}
			if strings.Contains(fmt.Sprintf("%+v", leaks), secret[4:]) {
				t.Error("a leak holds the secret")
			}
		})
	}
	wg.Wait()
	if leaks := s.Scan("a.yaml", []byte("k: "+secret+" # gitleaks:allow\n")); len(leaks) != 1 || leaks[0].Key != "k" {
		t.Errorf("a comment without a reason suppressed the leak: %+v", leaks)
	}
}
