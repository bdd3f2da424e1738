package daemon

import (
	"net"

	"golang.org/x/sys/unix"
)

// peerUID returns who is at the other end, by SO_PEERCRED.
func peerUID(conn net.Conn) (uid int, known bool, err error) {
	err = onRawConn(conn, func(fd int) error {
		cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
		if err == nil {
			uid = int(cred.Uid)
		}
		return err
	})
	return uid, err == nil, err
}
