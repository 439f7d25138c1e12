// SPDX-License-Identifier: MPL-2.0

package kms_test

import (
	"errors"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/kms"
)

func TestPatternsAllowOnlyWhatTheySay(t *testing.T) {
	for _, c := range []struct {
		pattern, uri string
		want         bool
	}{
		{"aws-kms:///alias/shop", "aws-kms:///alias/shop", true},
		{"aws-kms:///alias/shop", "aws-kms:///alias/shop-2", false},
		{"aws-kms:///alias/shop", "xaws-kms:///alias/shop", false},
		{"aws-kms:///alias/shop-*", "aws-kms:///alias/shop-", true},
		{"aws-kms:///alias/shop-*", "aws-kms:///alias/shop-eu", true},
		{"aws-kms:///alias/shop-*", "aws-kms:///alias/other", false},
		{"aws-kms:///alias/shop-*", "aws-kms:///alias/shop-eu\n", false},
		{"aws-kms:///arn:aws:kms:*:123456789012:key/*", "aws-kms:///arn:aws:kms:eu-west-1:123456789012:key/1", true},
		{"aws-kms:///arn:aws:kms:*:123456789012:key/*", "aws-kms:///arn:aws:kms:eu-west-1:999999999999:key/1", false},
		{"*", "aws-kms:///alias/shop", true},
		// Another endpoint would be another KMS, which sees the data key.
		{"*", "aws-kms:///alias/shop?endpoint=https://kms.example.com", false},
		{"aws-kms:///alias/*", "aws-kms:///alias/shop?endpoint=https://kms.example.com", false},
		{"aws-kms:///alias/*?region=*", "aws-kms:///alias/shop?region=eu-west-1", true},
		{"aws-kms:///alias/*?region=*", "aws-kms:///alias/shop?region=a&endpoint=https://kms.example.com", false},
		// A dot is a dot.
		{"aws-kms:///alias/a.b", "aws-kms:///alias/axb", false},
	} {
		p, err := kms.ParsePatterns([]string{"aws-kms:///alias/another", c.pattern})
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Match(c.uri); got != c.want {
			t.Errorf("pattern %q and URI %q: %v", c.pattern, c.uri, got)
		}
	}
	for _, pattern := range []string{"", "file:*", "FILE:///*", "alias/shop", "aws-kms:*", "a*", "**"} {
		if _, err := kms.ParsePatterns([]string{pattern}); !errors.Is(err, backend.ErrInvalid) {
			t.Errorf("pattern %q: %v", pattern, err)
		}
	}
}

func TestCallersOfAServerNameNoKeyFile(t *testing.T) {
	for _, uri := range []string{
		"file:///etc/shadow", "FILE:///etc/shadow", "fiLe:/etc/shadow", "file:kms.key", "file:", "file:///nowhere/key",
		"file://host/key",
	} {
		if err := kms.CheckRemote(uri); !errors.Is(err, backend.ErrDenied) {
			t.Errorf("%s: %v", uri, err)
		}
	}
	for _, uri := range []string{"", " file:///x", "/etc/shadow", "aws-kms:///a?x=y", "\nfile:///x"} {
		if err := kms.CheckRemote(uri); !errors.Is(err, backend.ErrInvalid) {
			t.Errorf("%q: %v", uri, err)
		}
	}
	if err := kms.CheckRemote("aws-kms:///alias/shop"); err != nil {
		t.Error(err)
	}
}
