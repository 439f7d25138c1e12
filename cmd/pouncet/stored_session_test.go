// SPDX-License-Identifier: MPL-2.0

package main

import (
	"testing"
	"time"

	settingsfile "github.com/pouncet/terraform-provider-pouncet/cmd/settings"
)

// A stored session that has ended does not keep a client from logging in with its certificate.
func TestACertificateReplacesASessionThatHasEnded(t *testing.T) {
	const endpoint = "https://pouncet.example.com"
	home := t.TempDir()
	for _, name := range []string{"HOME", "XDG_CONFIG_HOME", "AppData"} {
		t.Setenv(name, home)
	}
	for name, value := range map[string]string{settingToken: "", settingTrust: "mesh", settingCert: "client.pem"} {
		t.Setenv(name, value)
	}
	tokens, err := settingsfile.OpenTokens()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		ends        time.Time
		certificate string
		want        string
	}{
		"it has ended":                        {time.Now().Add(-time.Second), "client.pem", ""},
		"it is valid":                         {time.Now().Add(time.Hour), "client.pem", "pncs_x"},
		"of an earlier version":               {time.Time{}, "client.pem", "pncs_x"},
		"it has ended, without a certificate": {time.Now().Add(-time.Second), "", "pncs_x"},
	} {
		t.Setenv(settingCert, c.certificate)
		if err := tokens.Put(endpoint, settingsfile.StoredToken{Token: "pncs_x", ExpiresAt: c.ends}); err != nil {
			t.Fatal(err)
		}
		got, err := (&app{endpoint: endpoint}).tokenFor(t.Context(), endpoint, settingSource{})
		if err != nil || got != c.want {
			t.Errorf("%s: the token is %q, %v; want %q", name, got, err, c.want)
		}
	}
}
