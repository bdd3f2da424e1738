package daemon

import (
	"net"

	"golang.org/x/sys/unix"
)

// peerUID returns who is at the other end, by LOCAL_PEERCRED.
func peerUID(conn net.Conn) (uid int, known bool, err error) {
	err = onRawConn(conn, func(fd int) error {
		cred, err := unix.GetsockoptXucred(fd, unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
		if err == nil {
			uid = int(cred.Uid)
		}
		return err
	})
	return uid, err == nil, err
}
