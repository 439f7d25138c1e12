// SPDX-License-Identifier: MPL-2.0

package pagetest

import (
	"slices"
	"strings"
	"testing"
)

func TestBlocks(t *testing.T) {
	got, err := blocks("# Title\n\nWrite `a/main.tf`:\n\n```terraform\nx = 1\n```\n\nThen:\n\n```sh\ntrue\n```\n\nIt " +
		"prints:\n\n```text\nok\n```\n")
	if err != nil {
		t.Fatal(err)
	}
	want := []block{
		{line: 5, language: "terraform", file: "a/main.tf", text: "x = 1\n"},
		{line: 11, language: "sh", text: "true\n"},
		{line: 17, language: "text", text: "ok\n"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestBlocksThatNoTestRunsAreRefused(t *testing.T) {
	for name, page := range map[string]string{
		"a file without a name":     "Write this:\n\n```terraform\nx = 1\n```\n",
		"output without a command":  "Look:\n\n```text\nok\n```\n",
		"a block without an end":    "```sh\ntrue\n",
		"a command that is not run": "```console\n$ true\n```\n",
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := blocks(page); err == nil {
				t.Errorf("got %+v without an error", got)
			}
		})
	}
}

func TestCallsNamesThePrograms(t *testing.T) {
	for script, want := range map[string]string{
		"terraform init":                           "terraform",
		"TF_VAR_x='y' terraform apply":             "terraform",
		"vault kv get x | pouncet secret set":      "vault",
		"until curl -sf x; do sleep 1; done":       "curl",
		"echo \"$(aws kms create-key)\"":           "aws",
		"pouncet review --plan terraform.json":     "",
		"echo terraform":                           "",
		"pouncet run -- docker compose up":         "",
		"git init && git commit\njq . x | python3": "git jq python3",
	} {
		if got := strings.Join(calls(script), " "); got != want {
			t.Errorf("%q: got %q, want %q", script, got, want)
		}
	}
}

func TestMissingLine(t *testing.T) {
	const output = "NAME         ENVIRONMENT\ndb_password  prod\nversion 3, written 2026-01-02\ndone\n"
	for want, missing := range map[string]string{
		"done":                       "",
		"NAME  ENVIRONMENT\ndone":    "",
		"version 3, written …":       "",
		"db_password  prod\n…\ndone": "",
		"done\nNAME  ENVIRONMENT":    "NAME  ENVIRONMENT",
		"don":                        "don",
		"db_password prod":           "db_password prod",
	} {
		if got := missingLine(want, output); got != missing {
			t.Errorf("%q: got %q, want %q", want, got, missing)
		}
	}
}
