// SPDX-License-Identifier: MPL-2.0

package main

import "testing"

func TestAPortAloneIsOnThisMachine(t *testing.T) {
	for given, want := range map[string]string{
		"8457": "127.0.0.1:8457", ":8457": ":8457", "127.0.0.1:1": "127.0.0.1:1", "x": "x", "70000": "70000",
		"unix:///p": "unix:///p",
	} {
		if got := listenAddress(given); got != want {
			t.Errorf("%q is %q, want %q", given, got, want)
		}
	}
}
