// SPDX-License-Identifier: MPL-2.0

package main

import "testing"

func TestRepositoryName(t *testing.T) {
	for remote, want := range map[string]string{
		"https://github.com/acme/pipelines.git":       "github.com/acme/pipelines",
		"https://user:secret@github.com/acme/p/":      "github.com/acme/p",
		"git@github.com:acme/pipelines.git":           "github.com/acme/pipelines",
		"ssh://git@git.example.com:2222/acme/p.git":   "git.example.com:2222/acme/p",
		"/srv/git/pipelines.git":                      "/srv/git/pipelines",
		"https://x-access-token:t@github.com/a/b.git": "github.com/a/b",
	} {
		if got := repositoryName(remote); got != want {
			t.Errorf("%s is %s, want %s", remote, got, want)
		}
	}
}
