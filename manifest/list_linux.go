package manifest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// listBuffer is how many bytes of a directory are read at once, a name taking 24
// and its length: git's and package os's 8 KiB hold some 200.
const listBuffer = 8 << 10

// entriesOf lists an open directory, in any order. It asks as package os does, but
// makes one string of all names that it reads at once, and no value for each.
func entriesOf(dir *os.File) (entries []listed, err error) {
	fdErr := withFD(dir, func(fd int) { entries, err = entriesAt(fd) })
	return entries, asPathError("readdirent", dir, errors.Join(fdErr, err))
}

func asPathError(op string, dir *os.File, err error) error {
	if err == nil || isFault(err) {
		return err
	}
	return &os.PathError{Op: op, Path: dir.Name(), Err: err}
}

func entriesAt(fd int) ([]listed, error) {
	var entries []listed
	buf := make([]byte, listBuffer)
	for {
		n, err := retried(func() (int, error) { return unix.ReadDirent(fd, buf) })
		if err != nil {
			return nil, err
		}
		if n <= 0 {
			return entries, nil
		}
		if entries, err = appendDirents(entries, fd, buf[:n]); err != nil {
			return nil, err
		}
		if len(entries) > maxScanNames {
			return nil, tooManyNames()
		}
	}
}

// Where the parts of a linux_dirent64 are, see getdents(2).
const (
	direntIno  = 0
	direntLen  = 16
	direntType = 18
	direntName = 19
)

var errDirent = errors.New("the system's answer is damaged")

// appendDirents adds what one call has read.
func appendDirents(entries []listed, fd int, data []byte) ([]listed, error) {
	text := string(data)
	if entries == nil {
		entries = make([]listed, 0, len(data)/32) // of names of 5 to 12 bytes
	}
	for at := 0; at < len(data); {
		rest := data[at:]
		if len(rest) < direntName {
			return nil, errDirent
		}
		length := int(binary.NativeEndian.Uint16(rest[direntLen:]))
		if length < direntName || length > len(rest) {
			return nil, errDirent
		}
		start, ino := at+direntName, binary.NativeEndian.Uint64(rest[direntIno:])
		end := bytes.IndexByte(rest[direntName:length], 0)
		if end < 0 {
			end = length - direntName
		}
		name := text[start : start+end]
		at += length
		if ino == 0 || name == "." || name == ".." { // 0: removed meanwhile
			continue
		}
		kind, err := kindOf(fd, name, rest[direntType])
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		entries = append(entries, listed{name: name, kind: kind})
	}
	return entries, nil
}

// kindOf returns the kind of a file, which most file systems tell with its name.
func kindOf(fd int, name string, told byte) (fs.FileMode, error) {
	if told == unix.DT_UNKNOWN {
		st, err := statAt(fd, name)
		if err != nil {
			return 0, err
		}
		told = byte(st.Mode & unix.S_IFMT >> 12) // IFTODT of dirent.h
	}
	switch told {
	case unix.DT_REG:
		return 0, nil
	case unix.DT_DIR:
		return fs.ModeDir, nil
	case unix.DT_LNK:
		return fs.ModeSymlink, nil
	case unix.DT_FIFO:
		return fs.ModeNamedPipe, nil
	case unix.DT_SOCK:
		return fs.ModeSocket, nil
	case unix.DT_BLK:
		return fs.ModeDevice, nil
	case unix.DT_CHR:
		return fs.ModeDevice | fs.ModeCharDevice, nil
	}
	return fs.ModeIrregular, nil
}

// findKept finds out which files of an open directory are as they are kept: in it
// no name has to be looked up from the root again. Both lists are in order of name.
func findKept(dir *os.File, entries []listed, kept []keptFile) error {
	if len(kept) == 0 {
		return nil
	}
	return withFD(dir, func(fd int) {
		for i := range entries {
			e := &entries[i]
			for len(kept) > 0 && kept[0].base < e.name {
				kept = kept[1:]
			}
			if len(kept) == 0 {
				return
			}
			if e.kind != 0 || kept[0].base != e.name {
				continue
			}
			// What cannot be looked at now is read, and told, later.
			if st, err := statAt(fd, e.name); err == nil && kept[0].state == stateAt(&st) {
				e.kept = &kept[0]
			}
		}
	})
}
