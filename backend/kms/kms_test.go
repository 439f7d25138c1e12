// SPDX-License-Identifier: MPL-2.0

package kms_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/kms"
)

func TestOpenAcceptsValidURIs(t *testing.T) {
	for _, uri := range []string{
		"aws-kms:///alias/pouncet",
		"aws-kms:///alias/team/pouncet_1",
		"aws-kms:///1234abcd-12ab-34cd-56ef-1234567890ab",
		"aws-kms:///mrk-1234abcd12ab34cd56ef1234567890ab",
		"aws-kms:///arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
		"aws-kms:///arn:aws-us-gov:kms:us-gov-west-1:111122223333:alias/pouncet?region=us-gov-west-1",
		"aws-kms:///alias/pouncet?region=eu-west-1&endpoint=https%3A%2F%2Fkms.example.com",
		"aws-kms:///alias/pouncet?endpoint=http://127.0.0.1:5000",
		"aws-kms:///alias/pouncet?endpoint=http://[::1]:5000",
		"aws-kms:///alias/pouncet?endpoint=http://localhost:5000",
		"file:///var/lib/pouncet/key",
		"file:///no/such/folder/my%20key",
	} {
		k, err := kms.Open(t.Context(), uri)
		if err != nil {
			t.Errorf("%s: %v", uri, err)
		} else if k.URI() != uri {
			t.Errorf("URI() is %s, want %s", k.URI(), uri)
		}
	}
}

func TestOpenRefusesInvalidURIs(t *testing.T) {
	const canary = "hunter2"
	for name, uri := range map[string]string{
		"empty":                   "",
		"no scheme":               "/var/lib/pouncet/key",
		"unknown scheme":          "gcp-kms://projects/p/" + canary,
		"unknown scheme, opaque":  "vault:" + canary,
		"control character":       "aws-kms:///" + canary + "\n",
		"two slashes":             "aws-kms://alias/pouncet",
		"user information":        "aws-kms://me:" + canary + "@/alias/pouncet",
		"fragment":                "aws-kms:///alias/pouncet#" + canary,
		"no key":                  "aws-kms:///",
		"invalid key characters":  "aws-kms:///alias/a b",
		"ARN of another service":  "aws-kms:///arn:aws:s3:eu-west-1:111122223333:key/x",
		"unknown parameter":       "aws-kms:///alias/pouncet?profile=x",
		"repeated parameter":      "aws-kms:///alias/pouncet?region=a&region=b",
		"malformed parameters":    "aws-kms:///alias/pouncet?region=%zz" + canary,
		"invalid region":          "aws-kms:///alias/pouncet?region=a/b",
		"endpoint without scheme": "aws-kms:///alias/pouncet?endpoint=127.0.0.1:5000",
		"endpoint with ftp":       "aws-kms:///alias/pouncet?endpoint=ftp://127.0.0.1",
		"endpoint with password":  "aws-kms:///alias/pouncet?endpoint=https://me:" + canary + "@kms.example.com",
		"endpoint with http":      "aws-kms:///alias/pouncet?endpoint=http://kms.example.com",
		"file with host":          "file://host/key",
		"relative file":           "file:key",
		"folder":                  "file:///var/lib/",
		"root":                    "file:///",
		"file with zero byte":     "file:///a%00b",
		"file with parameter":     "file:///key?mode=" + canary,
	} {
		t.Run(name, func(t *testing.T) {
			k, err := kms.Open(t.Context(), uri)
			if k != nil || !errors.Is(err, backend.ErrInvalid) {
				t.Fatalf("got %v and %v, want ErrInvalid", k, err)
			}
			if strings.Contains(err.Error(), canary) {
				t.Errorf("the error repeats a part that may be a password: %v", err)
			}
			if backend.AsError(err).Hint == "" {
				t.Errorf("error %q has no hint", err)
			}
		})
	}
}

func TestOpenErrorNamesBothForms(t *testing.T) {
	_, err := kms.Open(t.Context(), "vault:///key")
	for _, form := range []string{"aws-kms:///", "file:///"} {
		if !strings.Contains(err.Error(), form) {
			t.Errorf("error %q does not name the form %s", err, form)
		}
	}
}
