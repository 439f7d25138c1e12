// SPDX-License-Identifier: MPL-2.0

package leak

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// pattern is put together here, so that no scanner takes this file for a leak.
var pattern = "AKIA" + "Q3EGRIT6ZT7WMZXQ"

func TestScan(t *testing.T) {
	s, err := New()
	if err != nil {
		t.Fatal(err)
	}
	text := "# first\naws:\n  ä: {access_key: " + pattern + "}\npassword: \"{{ get_secret_value('q9X2mPz7LkV4tRbW8nYc') }}\"\n" +
		"api_key: pouncet://-/-/q9X2mPz7LkV4tRbW8nYc\nother: plain\n"
	var wg sync.WaitGroup
	for range 8 { // from any number of goroutines
		wg.Go(func() {
			leaks := s.Scan("a.yaml", []byte(text))
			if len(leaks) != 1 || leaks[0].Line != 3 || leaks[0].Column != 19 || leaks[0].What != "aws-access-token" {
				t.Errorf("%+v", leaks)
			}
			if strings.Contains(fmt.Sprintf("%+v", leaks), pattern[4:]) {
				t.Error("what was found is told")
			}
		})
	}
	wg.Wait()
	if leaks := s.Scan("a.yaml", []byte("k: "+pattern+" # gitleaks:allow\n")); len(leaks) != 1 || leaks[0].Key != "k" {
		t.Errorf("a comment without a reason counts: %+v", leaks)
	}
}
