package sync

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"assetsync/remote"
)

// Kind is the class of an [Error]; each has an exit code of its own.
type Kind string

// The classes.
const (
	KindUsage       Kind = "usage"       // wrong words, or a wrong config
	KindConflict    Kind = "conflict"    // both sides changed, or the local side is superseded
	KindGuard       Kind = "guard"       // stopped because it looks like an accident
	KindAuth        Kind = "auth"        // not authorised, or credentials expired
	KindUnusable    Kind = "unusable"    // published, but not usable
	KindUnavailable Kind = "unavailable" // the remote does not answer, or throttles
	KindFailed      Kind = "failed"      // all else
)

// Error is why a target failed, in words for people.
type Error struct {
	Kind      Kind   `json:"kind"`
	Message   string `json:"message"`
	Hint      string `json:"hint,omitempty"` // what to do
	RequestID string `json:"request_id,omitempty"`
	Err       error  `json:"-"` // cause, when there is one beneath the message
}

// Error implements error.
func (e *Error) Error() string { return e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

func usage(hint, format string, args ...any) *Error {
	return &Error{Kind: KindUsage, Message: fmt.Sprintf(format, args...), Hint: hint}
}

// AsError classifies any error of this package and of package remote. A
// class that a layer below has given stands.
func AsError(err error) *Error {
	var own *Error
	if errors.As(err, &own) {
		if own.Error() == err.Error() {
			return own
		}
		return &Error{own.Kind, err.Error(), own.Hint, own.RequestID, err}
	}
	out := &Error{Kind: KindFailed, Message: err.Error(), Err: err}
	var r *remote.Error
	var hinted interface{ Hint() string }
	if errors.As(err, &hinted) {
		out.Hint = hinted.Hint()
	}
	switch {
	case errors.As(err, &r) && r.Kind != remote.KindCanceled:
		out.RequestID = r.RequestID
		out.Kind, out.Hint = classify(r)
	case errors.Is(err, context.DeadlineExceeded):
		out.Kind, out.Hint = KindUnavailable, "the time given by --timeout is over; what is left to do comes out of the next run"
	case errors.Is(err, context.Canceled):
		out.Hint = "interrupted; the next run continues from what the remote holds then"
	case out.Hint == "":
		out.Hint = hintDisk(err)
	}
	return out
}

// hintDisk says what to do about what a disk or the system refuses.
func hintDisk(err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "the disk is full: make room, and repeat the command"
	case errors.Is(err, syscall.EROFS):
		return "the disk is read-only: make it writable, and repeat the command; for the state there is --state, too"
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return "this user may not: look at owner and mode of what is named, and of its directory; another directory for the state is given with --state"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return "too many files are open: raise the limit (ulimit -n), then repeat the command"
	}
	return ""
}

func classify(r *remote.Error) (Kind, string) {
	switch r.Kind {
	case remote.KindCredentialsExpired:
		return KindAuth, "sign in again (for example: aws sso login) and repeat the command"
	case remote.KindNotAuthorized:
		if r.Status == 0 {
			return KindAuth, "sign in (for example: aws sso login), set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or set profile: in the config"
		}
		return KindAuth, "check the credentials: aws sts get-caller-identity shows who you are"
	case remote.KindAccessDenied:
		return KindAuth, "check region, agent_space and profile; the action aidevops:" + r.Operation + " must be allowed on the agent space: assetsync asset policy prints what is needed"
	case remote.KindThrottling, remote.KindUnavailable, remote.KindInternalServer:
		return KindUnavailable, "repeat the command later: it goes on from what the remote holds then"
	case remote.KindNotFound:
		if r.Operation == "ListAssets" || r.Operation == "CreateAsset" {
			return KindUsage, "check agent_space, region and the account of the credentials"
		}
		return KindFailed, "check agent_space and asset: assetsync asset list shows what is there"
	case remote.KindQuotaExceeded:
		return KindFailed, "a quota of the agent space is used up: assetsync asset list shows what is there"
	case remote.KindInvalidRequest:
		return KindUsage, "correct the value in assetsync.yaml or in the file that is named"
	case remote.KindInvalidResponse, remote.KindUnexpected:
		return KindFailed, "the endpoint answers what the service does not: check endpoint and proxies"
	}
	return KindFailed, ""
}
