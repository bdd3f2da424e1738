package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// maxSocketPath is the most bytes of a socket's path: the system takes 104
// on macOS and 108 on Linux, with a zero at the end.
const maxSocketPath = 100

// socketName is how many bytes of a digest name the socket of a state directory
// that is not its own place: as with 64 bits nobody meets another by accident.
const socketName = 8

// socketPath returns where the control socket of a state directory is: in
// it, or where that path is too long in the user's runtime directory, or in
// one of the user's own below the temporary directory.
func (a *app) socketPath(dir string) (string, error) {
	path := filepath.Join(dir, "daemon.sock")
	if len(path) <= maxSocketPath {
		return path, nil
	}
	digest := sha256.Sum256([]byte(dir))
	name := hex.EncodeToString(digest[:socketName]) + ".sock"
	homes := []string{filepath.Join(os.TempDir(), "assetsync-"+strconv.Itoa(os.Getuid()))}
	if runtime, ok := a.getenv("XDG_RUNTIME_DIR"); ok && filepath.IsAbs(runtime) {
		homes = append([]string{filepath.Join(runtime, "assetsync")}, homes...)
	}
	for _, home := range homes {
		if path := filepath.Join(home, name); len(path) <= maxSocketPath {
			return path, makeSocketHome(home)
		}
	}
	return "", usageError(nil, "use a --state DIR with a shorter path", "make control socket: the path of the state directory %s is too long for a socket, and so is that of the temporary directory", dir)
}

// makeSocketHome makes a directory for sockets that is the user's own.
func makeSocketHome(home string) error {
	if err := os.Mkdir(home, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make directory of the control socket: %w", err)
	}
	// Anybody may make names in a temporary directory.
	if info, err := os.Lstat(home); err != nil || !info.IsDir() || info.Mode().Perm()&0o077 != 0 || !ownedByUser(info) {
		return fmt.Errorf("make directory of the control socket: %s is not a directory of this user alone", home)
	}
	return nil
}

// pauseFile keeps the names of paused targets, as a JSON list.
type pauseFile string

// Load implements [daemon.Pauses].
func (p pauseFile) Load() ([]string, error) {
	data, err := os.ReadFile(string(p))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read pauses: %w", err)
	}
	var names []string
	if err := json.Unmarshal(data, &names); err != nil {
		return nil, usageError(err, "remove the file, and pause again what is to be", "read pauses: %s is damaged: %v", string(p), err)
	}
	return names, nil
}

// Save implements [daemon.Pauses].
func (p pauseFile) Save(names []string) error {
	if len(names) == 0 {
		names = []string{}
	}
	data, err := json.Marshal(names)
	if err != nil {
		return fmt.Errorf("keep pauses: %w", err)
	}
	if err := replaceFile(string(p), append(data, '\n')); err != nil {
		return fmt.Errorf("keep pauses: %w", err)
	}
	return nil
}
