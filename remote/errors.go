package remote

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
)

// ErrAmbiguous is wrapped by the error of a write (POST, PATCH, DELETE) that
// may have had its effect, now or later: its answer was lost, cut short, not
// understood, or a failure of the server. Whoever gets it reads and compares.
var ErrAmbiguous = errors.New("the effect of the write is unknown")

// ErrNotSent is wrapped by the error of a call of which no byte left: it had
// no effect and may be repeated. A transport wraps it; every other error of
// a transport makes a write ambiguous.
var ErrNotSent = errors.New("the request was not sent")

// Kind says what an error means. The nine errors that the service models
// have the name that the wire gives them.
type Kind string

// The errors that every operation declares.
const (
	KindValidation          Kind = "ValidationException"
	KindInvalidParameter    Kind = "InvalidParameterException"
	KindQuotaExceeded       Kind = "ServiceQuotaExceededException"
	KindAccessDenied        Kind = "AccessDeniedException"
	KindNotFound            Kind = "ResourceNotFoundException"
	KindConflict            Kind = "ConflictException"
	KindContentSizeExceeded Kind = "ContentSizeExceededException"
	KindThrottling          Kind = "ThrottlingException"
	KindInternalServer      Kind = "InternalServerException"
)

// The errors that come from before or behind the service.
const (
	KindCredentialsExpired Kind = "CredentialsExpired" // the token's time is over: sign in again
	KindNotAuthorized      Kind = "NotAuthorized"      // credentials missing, unknown, or a wrong signature
	KindUnavailable        Kind = "Unavailable"        // no answer, or a failure of what stands before the service
	KindUnexpected         Kind = "Unexpected"         // an answer that the service does not give
	KindInvalidResponse    Kind = "InvalidResponse"    // a success that cannot be read
	KindInvalidRequest     Kind = "InvalidRequest"     // refused here, nothing sent
	KindCanceled           Kind = "Canceled"           // the context ended
)

// Word is the kind as one short word, throttling or not_found: for those who
// count. There are no others than those of the kinds above; what the service
// calls an error that nobody knows yet is unexpected.
func (k Kind) Word() string {
	word, known := words[k]
	if !known {
		return words[KindUnexpected]
	}
	return word
}

var words = map[Kind]string{
	KindValidation: "validation", KindInvalidParameter: "invalid_parameter", KindQuotaExceeded: "quota_exceeded",
	KindAccessDenied: "access_denied", KindNotFound: "not_found", KindConflict: "conflict",
	KindContentSizeExceeded: "content_size_exceeded", KindThrottling: "throttling", KindInternalServer: "internal_server",
	KindCredentialsExpired: "credentials_expired", KindNotAuthorized: "not_authorized", KindUnavailable: "unavailable",
	KindUnexpected: "unexpected", KindInvalidResponse: "invalid_response", KindInvalidRequest: "invalid_request", KindCanceled: "canceled",
}

// modelled is the status of each error that the service models.
func modelled(k Kind) (status int, ok bool) {
	switch k {
	case KindValidation, KindInvalidParameter:
		return http.StatusBadRequest, true
	case KindQuotaExceeded:
		return http.StatusPaymentRequired, true
	case KindAccessDenied:
		return http.StatusForbidden, true
	case KindNotFound:
		return http.StatusNotFound, true
	case KindConflict:
		return http.StatusConflict, true
	case KindContentSizeExceeded:
		return http.StatusRequestEntityTooLarge, true
	case KindThrottling:
		return http.StatusTooManyRequests, true
	case KindInternalServer:
		return http.StatusInternalServerError, true
	}
	return 0, false
}

// Status returns the HTTP status that a modelled error has on the wire, and
// 0 for the other kinds.
func (k Kind) Status() int {
	status, _ := modelled(k)
	return status
}

// Error is the error of every operation.
type Error struct {
	Kind       Kind
	Operation  string        // "CreateAsset"
	Status     int           // of HTTP; 0 without an answer
	Code       string        // the name that the answer gave, where it is not the Kind
	RequestID  string        // to quote to the service's people
	Message    string        // without control characters, of limited length
	Fields     []FieldError  // the fieldList, or the member that was refused here
	RetryAfter time.Duration // what the answer asked for; 0: nothing
	Err        error         // cause: ErrAmbiguous, ErrNotSent, an error of the transport; or nil
}

// Error implements error.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Operation != "" {
		b.WriteString(e.Operation + ": ")
	}
	details := []string{string(e.Kind)}
	if e.Code != "" {
		details = append(details, e.Code)
	}
	if e.Status != 0 {
		details = append(details, fmt.Sprintf("HTTP %d", e.Status))
	}
	if e.RequestID != "" {
		details = append(details, "request "+e.RequestID)
	}
	var parts []string
	// A message that is that of the only field is not told twice.
	if e.Message != "" && (len(e.Fields) != 1 || e.Fields[0].Message != e.Message) {
		parts = append(parts, e.Message)
	}
	for _, f := range e.Fields {
		parts = append(parts, f.Path+": "+f.Message)
	}
	if e.Err != nil {
		parts = append(parts, sanitise(e.Err.Error(), maxMessageShown)) // a cause may quote the remote
	}
	b.WriteString(strings.Join(parts, "; "))
	if len(parts) > 0 {
		b.WriteByte(' ')
	}
	fmt.Fprintf(&b, "(%s)", strings.Join(details, ", "))
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// IsKind reports whether err is or wraps an [*Error] of one of the kinds.
func IsKind(err error, kinds ...Kind) bool {
	var e *Error
	return errors.As(err, &e) && slices.Contains(kinds, e.Kind)
}

// What is shown of a text that the remote chose.
const (
	maxMessageShown = 1000 // runes; the service's messages can list enums
	maxNameShown    = 128
	maxFieldsShown  = 100
)

// sanitise makes a text of the remote safe to print: no control or format
// characters, which could move a cursor or turn the reading direction, valid
// UTF-8, at most limit runes.
func sanitise(s string, limit int) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n++; n > limit {
			b.WriteString("…")
			break
		}
		switch {
		case r == '\n', r == '\t', r == '\u2028', r == '\u2029':
			r = ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r):
			r = unicode.ReplacementChar
		}
		b.WriteRune(r)
	}
	return strings.TrimSpace(b.String())
}
