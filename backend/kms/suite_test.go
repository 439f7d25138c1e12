// SPDX-License-Identifier: MPL-2.0

package kms_test

import (
	"net/url"
	"path/filepath"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend/kms"
	"github.com/pouncet/terraform-provider-pouncet/backend/kms/kmstest"
)

// newKeyFile creates a key file in a temporary folder.
func newKeyFile(t testing.TB) (uri, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "key file 100%")
	uri = (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String()
	if err := kms.CreateFile(uri); err != nil {
		t.Fatal(err)
	}
	return uri, path
}

func TestFileKeySuite(t *testing.T) {
	uri, _ := newKeyFile(t)
	other, _ := newKeyFile(t)
	kmstest.RunSuite(t, uri, other)
}

func TestAWSKeySuite(t *testing.T) {
	uri := kmstest.New(t).URI(t)
	kmstest.RunSuite(t, uri, kmstest.Other(uri))
}

func TestMotoSuite(t *testing.T) {
	uri := kmstest.Moto(t)
	kmstest.RunSuite(t, uri, kmstest.Other(uri))
}
