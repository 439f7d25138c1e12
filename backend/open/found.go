// SPDX-License-Identifier: MPL-2.0

package open

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/kms"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/sqlite"
)

// Anyone who can change a folder that a search finds decides where values go. So such a folder must belong to this
// user, as git requires for a repository. A path that the user names is trusted.

// effectiveUser is os.Geteuid, and something else in tests.
var effectiveUser = os.Geteuid

// The permissions that other users must not have. The group may read a secret file, as it may read a key file.
const (
	writableByOthers  = 0o022
	usableByOthers    = 0o037
	modeOfFolder      = 0o700
	modeOfFile        = 0o600
	nameTheFolderHint = "POUNCET_HOME=%s, or path in the provider block"
)

// guarded is a part of an embedded backend that other users must not change. It need not exist.
type guarded struct {
	path      string
	forbidden fs.FileMode // permissions
	isKey     bool        // package kms refuses it in any folder
}

// checkFound refuses a folder that a search found, if another user owns or may change a part of it. The settings are
// checked before they are read.
func checkFound(folder string) error {
	for _, parts := range []func(string) []guarded{guardedFiles, guardedKeys} {
		for _, g := range parts(folder) {
			if err := g.checkOwner(folder); err != nil {
				return err
			}
			if err := g.checkMode(folder); err != nil {
				return err
			}
		}
	}
	return nil
}

// CheckFile refuses a file that a search found, if another user owns or may change it, as Open refuses a folder. trust
// says how a user names the file if it can be trusted, for the hint.
func CheckFile(path, trust string) error {
	g := guarded{path: path, forbidden: writableByOthers}
	err := g.checkOwner(path)
	if err == nil {
		err = g.checkMode(path)
	}
	if err == nil {
		return nil
	}
	e := *backend.AsError(err)
	return e.WithHint("if you trust everybody who can change it, %s; otherwise make it yours alone: "+
		"chown, and chmod 644", trust)
}

// missingDatabase returns an error if a folder has the settings of a backend or its records, and no database. It must
// not be taken for a folder in which a backend can be created.
func missingDatabase(folder string) error {
	for _, name := range []string{configFile, readsFile} {
		if _, err := os.Lstat(filepath.Join(folder, name)); err == nil {
			return backend.Errorf(backend.CodeCorrupt, "database %s is missing, although its folder has %s",
				filepath.Join(folder, databaseFile), name).
				WithHint("restore the database from a backup; without it, no value can be read")
		}
	}
	return nil
}

// exposures returns all reasons for which checkFound would refuse a folder. The folder is open, so somebody has named
// it: the hints do not say how to name it.
func exposures(folder string) []error {
	var out []error
	for _, g := range slices.Concat(guardedFiles(folder), guardedKeys(folder)) {
		if g.isKey {
			g.forbidden = 0 // the call of the key reports it
		}
		for _, err := range []error{g.checkOwner(""), g.checkMode("")} {
			if err != nil {
				out = append(out, err)
			}
		}
	}
	return out
}

// guardedFiles returns the folder of an embedded backend and the files in it that Pouncet makes.
func guardedFiles(folder string) []guarded {
	parts := []guarded{
		{path: folder, forbidden: writableByOthers}, {path: filepath.Join(folder, configFile), forbidden: writableByOthers},
		{path: filepath.Join(folder, tokenFile), forbidden: usableByOthers},
	}
	for _, name := range []string{databaseFile, readsFile} {
		path := filepath.Join(folder, name)
		for _, path := range []string{path, path + "-wal", path + "-shm", path + "-journal", sqlite.CopyPath(path)} {
			parts = append(parts, guarded{path: path, forbidden: usableByOthers})
		}
	}
	return parts
}

// guardedKeys returns the key files that the settings of an embedded backend name, also outside its folder.
func guardedKeys(folder string) []guarded {
	s, err := readSettings(folder)
	if err != nil {
		return nil // opening the backend reports the error
	}
	var parts []guarded
	for _, uri := range newTrustedKeys(folder, s).keys {
		path := kms.FilePath(resolveURI(folder, uri))
		if path != "" && !slices.ContainsFunc(parts, func(g guarded) bool { return g.path == path }) {
			parts = append(parts, guarded{path: path, forbidden: usableByOthers, isKey: true})
		}
	}
	return parts
}

// chownOf is the command that gives a file or folder to another user. Without -h, it changes what a link leads to.
func chownOf(info fs.FileInfo) string {
	if info.Mode()&fs.ModeSymlink != 0 {
		return "chown -h"
	}
	return "chown -R"
}

// checkOwner refuses a file or folder of another user, and a symbolic link of another user to one. The hint says how to
// name the folder nevertheless; "" if it is named.
func (g guarded) checkOwner(folder string) error {
	for _, stat := range []func(string) (fs.FileInfo, error){os.Lstat, os.Stat} {
		info, err := stat(g.path)
		if err != nil {
			continue // it does not exist, or opening the backend reports the error
		}
		if owner, other := otherOwner(info); other {
			hint := fmt.Sprintf("if it is yours, run sudo %s %d %s", chownOf(info), effectiveUser(), g.path)
			if folder != "" {
				hint = fmt.Sprintf("if you trust that user, set "+nameTheFolderHint, folder) + "; " + hint
			}
			return backend.Errorf(backend.CodeDenied, "%s belongs to user %d, and this process runs as user %d", g.path,
				owner, effectiveUser()).WithHint("%s", hint)
		}
	}
	return nil
}

// checkMode refuses permissions of other users. The hint is like the hint of checkOwner.
func (g guarded) checkMode(folder string) error {
	info, err := os.Stat(g.path)
	if err != nil || runtime.GOOS == "windows" { // Windows has no mode bits. Go invents the mode there.
		return nil
	}
	perm, mode, can := info.Mode().Perm(), modeOfFile, "access"
	if perm&g.forbidden == 0 {
		return nil
	}
	if info.IsDir() {
		mode = modeOfFolder
	}
	if g.forbidden == writableByOthers {
		can = "change"
	}
	hint := fmt.Sprintf("restrict it: chmod %o %s", mode, g.path)
	if folder != "" && !g.isKey {
		hint += fmt.Sprintf("; or, if you trust these users, set "+nameTheFolderHint, folder)
	}
	return backend.Errorf(backend.CodeDenied, "other users can %s %s: its mode is %04o", can, g.path, perm).
		WithHint("%s", hint)
}
