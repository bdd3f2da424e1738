package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/coreos/go-systemd/v22/daemon"
)

const (
	// notifyTimeout bounds the wait for a service manager that does not read:
	// the daemon goes on without it.
	notifyTimeout = time.Second
	// notifyStatusMax is the most bytes of a status line. systemd passes over
	// messages of more than 4096 (its NOTIFY_BUFFER_MAX), and people read one
	// line.
	notifyStatusMax = 1024
	// watchdogTries is how many pings in succession may fail. They come at
	// half the interval, so after two the manager's patience is at its end.
	watchdogTries = 2
)

// notifier tells the service manager how the daemon does; without one it does
// nothing. It speaks the protocol of sd_notify(3). The socket is not held open,
// so there is nothing to close. Its methods may be called at the same time.
//
// SdNotify and SdWatchdogEnabled of go-systemd read the environment of the
// process themselves and write without a limit of time, so only its words are
// used.
type notifier struct {
	send     func(state string) error // nil when nobody listens
	watchdog time.Duration            // 0 when no pings are wanted
}

// newNotifier reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, which are
// set by a service manager that wants to be told. Values that no manager sets
// are errors.
func newNotifier(getenv func(string) (string, bool)) (*notifier, error) {
	socket, _ := getenv("NOTIFY_SOCKET")
	if socket == "" {
		return &notifier{}, nil
	}
	// "@" begins a name of Linux that is in no directory.
	if !strings.HasPrefix(socket, "/") && !(runtime.GOOS == "linux" && len(socket) > 1 && socket[0] == '@') {
		return nil, fmt.Errorf("read NOTIFY_SOCKET: %q is no path of a socket", socket)
	}
	watchdog, err := watchdogInterval(getenv)
	if err != nil {
		return nil, err
	}
	return &notifier{send: func(state string) error { return sendState(socket, state) }, watchdog: watchdog}, nil
}

// watchdogInterval returns the time within which the manager wants a ping; 0
// when it wants none, or wants it from another process.
func watchdogInterval(getenv func(string) (string, bool)) (time.Duration, error) {
	usec, _ := getenv("WATCHDOG_USEC")
	if usec == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(usec, 10, 64)
	if err == nil && (n <= 0 || n > math.MaxInt64/int64(time.Microsecond)) {
		err = strconv.ErrRange
	}
	if err != nil {
		return 0, fmt.Errorf("read WATCHDOG_USEC: %q: %w", usec, err)
	}
	pid, _ := getenv("WATCHDOG_PID")
	if pid == "" {
		return time.Duration(n) * time.Microsecond, nil
	}
	p, err := strconv.Atoi(pid)
	if err != nil {
		return 0, fmt.Errorf("read WATCHDOG_PID: %w", err)
	}
	if p != os.Getpid() {
		return 0, nil
	}
	return time.Duration(n) * time.Microsecond, nil
}

// sendState sends one message, which arrives as a whole or not at all.
func sendState(socket, state string) error {
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return err
	}
	if err := conn.SetWriteDeadline(time.Now().Add(notifyTimeout)); err != nil {
		return errors.Join(err, conn.Close())
	}
	_, err = conn.Write([]byte(state))
	return errors.Join(err, conn.Close())
}

// tell sends the lines as one message.
func (n *notifier) tell(what string, lines ...string) error {
	if n.send == nil {
		return nil
	}
	if err := n.send(strings.Join(lines, "\n")); err != nil {
		return fmt.Errorf("tell the service manager of %s: %w", what, err)
	}
	return nil
}

// Ready says that the daemon has started, or that it has read its config
// again, and what it does. An empty status leaves the last one.
func (n *notifier) Ready(status string) error {
	if status == "" {
		return n.tell("readiness", daemon.SdNotifyReady)
	}
	return n.tell("readiness", daemon.SdNotifyReady, statusLine(status))
}

// Status says what the daemon does, in one line for "systemctl status". Line
// ends become spaces; what is over 1024 bytes is cut.
func (n *notifier) Status(status string) error { return n.tell("status", statusLine(status)) }

// Reloading says that the config is being read again. [notifier.Ready] has to
// follow, also when the old config is kept.
func (n *notifier) Reloading() error {
	// When the message was made, for managers that wait for the answer to
	// their own SIGHUP (Type=notify-reload); empty where there is no systemd.
	if since := strings.TrimSpace(daemon.SdNotifyMonotonicUsec()); since != "" {
		return n.tell("reload", daemon.SdNotifyReloading, since)
	}
	return n.tell("reload", daemon.SdNotifyReloading)
}

// Stopping says that the daemon is about to end.
func (n *notifier) Stopping() error { return n.tell("end", daemon.SdNotifyStopping) }

// Watchdog pings the manager twice in each interval for as long as alive says
// so; a daemon that is not alive is ended by the manager, so alive must answer
// at once and be false only when nothing but a restart helps. It returns nil
// when ctx is done, and at once when no watchdog is wanted; an error when two
// pings in succession could not be sent.
func (n *notifier) Watchdog(ctx context.Context, alive func() bool) error {
	if n.send == nil || n.watchdog == 0 {
		return nil
	}
	tick := time.NewTicker(max(n.watchdog/2, 1))
	defer tick.Stop()
	for failed := 0; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if !alive() {
			continue
		}
		err := n.tell("life", daemon.SdNotifyWatchdog)
		if err == nil {
			failed = 0
		} else if failed++; failed == watchdogTries {
			return err
		}
	}
}

// statusLine makes a line of it that can hold no second message. A manager
// passes over text that is not UTF-8.
func statusLine(status string) string {
	line := oneLine(strings.ToValidUTF8(status, string(utf8.RuneError)))
	if len(line) > notifyStatusMax {
		const more = "…"
		cut := notifyStatusMax - len(more)
		for !utf8.RuneStart(line[cut]) {
			cut--
		}
		line = line[:cut] + more
	}
	return "STATUS=" + line
}
