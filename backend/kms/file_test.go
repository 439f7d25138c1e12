// SPDX-License-Identifier: MPL-2.0

package kms_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/kms"
)

var keyContext = map[string]string{"pouncet:environment": "e"}

func open(t testing.TB, uri string) kms.Key {
	t.Helper()
	k, err := kms.Open(t.Context(), uri)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// use makes a data key with the KMS key and returns the error.
func use(t testing.TB, uri string) error {
	t.Helper()
	_, _, err := open(t, uri).GenerateDataKey(t.Context(), keyContext)
	return err
}

func TestCreateFile(t *testing.T) {
	uri, path := newKeyFile(t)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %04o, want 0600", info.Mode().Perm())
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := kms.CreateFile(uri); !errors.Is(err, backend.ErrExists) {
		t.Errorf("creating it again: got %v, want ErrExists", err)
	}
	if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
		t.Error("creating it again changed it")
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
		t.Errorf("the folder has %d files, want 1", len(entries))
	}
}

func TestCreateFileRefuses(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, uri string
		want      error
	}{
		{"missing folder", "file://" + folder + "/none/key", backend.ErrNotFound},
		{"file instead of a folder", "file://" + folder + "/file/key", backend.ErrNotFound},
		{"existing folder", "file://" + folder, backend.ErrExists},
		{"key in AWS", "aws-kms:///alias/pouncet", backend.ErrInvalid},
		{"no URI", "", backend.ErrInvalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := kms.CreateFile(c.uri); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want.(*backend.Error).Code)
			}
		})
	}
}

func TestMissingKeyFileIsNotCreatedAgain(t *testing.T) {
	uri, path := newKeyFile(t)
	_, wrapped, err := open(t, uri).GenerateDataKey(t.Context(), keyContext)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	_, err = open(t, uri).Decrypt(t.Context(), wrapped, keyContext)
	for _, err := range []error{err, use(t, uri)} {
		if !errors.Is(err, backend.ErrKeyUnusable) || !strings.Contains(err.Error(), path) ||
			!strings.Contains(err.Error(), "backup") {
			t.Errorf("got %v, want ErrKeyUnusable that names the file and the backup", err)
		}
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("the key file exists again: %v", err)
	}

	// The hint asks for a backup.
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, uri).Decrypt(t.Context(), wrapped, keyContext); err != nil {
		t.Errorf("after the file was restored: %v", err)
	}
}

func TestKeyFileOpenToOtherUsersIsRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no permission bits")
	}
	uri, path := newKeyFile(t)
	for mode, allowed := range map[os.FileMode]bool{
		0o600: true, 0o400: true, 0o640: true, 0o440: true,
		0o604: false, 0o620: false, 0o610: false, 0o602: false, 0o644: false, 0o777: false,
	} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		err := use(t, uri)
		if allowed && err != nil {
			t.Errorf("mode %04o: %v", mode, err)
		}
		if !allowed && (!errors.Is(err, backend.ErrKeyUnusable) || !strings.Contains(err.Error(), "chmod 600")) {
			t.Errorf("mode %04o: got %v, want ErrKeyUnusable and chmod 600", mode, err)
		}
	}
}

func TestMalformedKeyFileIsRefused(t *testing.T) {
	uri, path := newKeyFile(t)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(good)), "\n")
	line := lines[len(lines)-1]
	fields := strings.Fields(line)
	canary := fields[2]
	replaced := func(i int, to string) string {
		f := append([]string{}, fields...)
		f[i] = to
		return strings.Join(f, " ")
	}
	short := base64.StdEncoding.EncodeToString(make([]byte, 16))
	for name, text := range map[string]string{
		"empty":          "",
		"comments only":  "# nothing\n\n",
		"cut short":      line[:len(line)-8],
		"another format": replaced(0, "pouncet-file-key-v2"),
		"another id":     replaced(1, "0000000000000000"),
		"another key":    replaced(2, base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))),
		"short key":      replaced(2, short),
		"invalid base64": replaced(2, "!"+canary[1:]),
		"two keys":       line + "\n" + line,
		"too large":      line + "\n#" + strings.Repeat("x", 5000),
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			err := use(t, uri)
			if !errors.Is(err, backend.ErrKeyUnusable) || !strings.Contains(err.Error(), path) {
				t.Fatalf("got %v, want ErrKeyUnusable that names the file", err)
			}
			if strings.Contains(err.Error(), canary[1:20]) {
				t.Error("the error shows the key")
			}
		})
	}
	for name, text := range map[string]string{
		"unchanged":         string(good),
		"without comments":  line,
		"Windows line ends": strings.ReplaceAll(string(good), "\n", "\r\n"),
		"another comment":   "# made for production\n\n" + line + "\n\n",
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := use(t, uri); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestFolderAsAKeyFileIsRefused(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "key")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := use(t, "file://"+folder); !errors.Is(err, backend.ErrKeyUnusable) {
		t.Errorf("got %v, want ErrKeyUnusable", err)
	}
}

func TestErrorNamesTheIDOfTheRightKeyFile(t *testing.T) {
	uri, path := newKeyFile(t)
	other, _ := newKeyFile(t)
	_, wrapped, err := open(t, uri).GenerateDataKey(t.Context(), keyContext)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(text))
	_, err = open(t, other).Decrypt(t.Context(), wrapped, keyContext)
	if err == nil || !strings.Contains(err.Error(), "but the key was wrapped by the key file with id") {
		t.Fatalf("got %v", err)
	}
	if wanted := fields[len(fields)-2]; !strings.Contains(backend.AsError(err).Hint, wanted) {
		t.Errorf("hint %q does not name %s, the id of the right file", backend.AsError(err).Hint, wanted)
	}
}
