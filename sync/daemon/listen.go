package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
)

// Listen makes the control socket at path, for this user only. The caller
// holds the daemon's lock, so that a socket that is there is a dead one's.
func Listen(path string) (net.Listener, error) {
	info, err := os.Lstat(path)
	switch {
	case err == nil && info.Mode().Type() != fs.ModeSocket:
		return nil, fmt.Errorf("make control socket: %s is there and is no socket", path)
	case err == nil:
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("make control socket: %w", err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("make control socket: %w", err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("make control socket: %w", err)
	}
	l.SetUnlinkOnClose(false)
	s := &socket{UnixListener: l, path: path}
	// Its directory is the user's own already; the peer is checked as well.
	if err = os.Chmod(path, 0o600); err == nil {
		s.info, err = os.Lstat(path)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make control socket: %w", err), l.Close())
	}
	return s, nil
}

// socket removes its name when it is closed, unless somebody else has made
// something else of it: the state may be removed while a daemon runs, and
// another one may have begun then.
type socket struct {
	*net.UnixListener
	path string
	info fs.FileInfo
}

// Close implements net.Listener.
func (s *socket) Close() error {
	// Before it is closed, as long as the system gives its inode to nobody.
	if info, err := os.Lstat(s.path); err == nil && os.SameFile(info, s.info) {
		if err := os.Remove(s.path); err != nil {
			return errors.Join(fmt.Errorf("remove control socket: %w", err), s.UnixListener.Close())
		}
	}
	return s.UnixListener.Close()
}

// peers lets in only this user's processes, and root's.
type peers struct{ net.Listener }

// Accept implements net.Listener.
func (p peers) Accept() (net.Conn, error) {
	for {
		conn, err := p.Listener.Accept()
		if err != nil {
			return nil, err
		}
		uid, known, err := peerUID(conn)
		if err == nil && (!known || uid == os.Getuid() || uid == 0) {
			return conn, nil
		}
		conn.Close()
	}
}
