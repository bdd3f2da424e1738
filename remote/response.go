package remote

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// checkAsset checks what everything else relies on: the id and the version.
// asked is the version that the request named, or nil.
func checkAsset(a *Asset, asked *int32) error {
	if a == nil {
		return errors.New("asset is missing")
	}
	if err := checkName("assetId", a.AssetId); err != nil {
		return err
	}
	return checkVersion(a.Version, asked)
}

// checkFile checks that the answer is about the file that was asked for. Its
// version may be older than the asset's.
func checkFile(f *AssetFile, asked *string) error {
	if f == nil {
		return errors.New("file is missing")
	}
	if err := checkName("path", f.Path); err != nil {
		return err
	}
	if *f.Path != *asked {
		return fmt.Errorf("path is %q, not %q", sanitise(*f.Path, maxNameShown), *asked)
	}
	return checkVersion(f.Version, nil)
}

// checkItems checks that a list is there, as a missing one is not an empty
// one, and each of its items.
func checkItems[T any](items []T, check func(*T) error) error {
	if items == nil {
		return errors.New("items is missing")
	}
	for i := range items {
		if err := check(&items[i]); err != nil {
			return fmt.Errorf("items[%d]: %w", i, err)
		}
	}
	return nil
}

func checkName(member string, value *string) error {
	if value == nil || *value == "" {
		return fmt.Errorf("%s is missing", member)
	}
	return nil
}

func checkVersion(got, asked *int32) error {
	switch {
	case got == nil:
		return errors.New("version is missing")
	case *got < 1:
		return fmt.Errorf("version %d is below 1", *got)
	case asked != nil && *got != *asked:
		return fmt.Errorf("version is %d, not %d", *got, *asked)
	}
	return nil
}

// ReadError makes the error of an answer that is no success, from its status,
// its header and what could be read of its body. The error names no
// operation.
func ReadError(resp *http.Response, body []byte) *Error {
	var parsed ErrorBody
	isObject := readErrorBody(body, &parsed)
	name := errorName(resp.Header, parsed)
	e := &Error{
		Kind:       errorKind(name, resp.StatusCode, isObject),
		Status:     resp.StatusCode,
		RequestID:  requestID(resp.Header),
		RetryAfter: RetryAfter(resp.Header),
	}
	if name != string(e.Kind) {
		e.Code = sanitise(name, maxNameShown)
	}
	if parsed.Message != nil {
		e.Message = sanitise(*parsed.Message, maxMessageShown)
	}
	for _, f := range parsed.Fields[:min(len(parsed.Fields), maxFieldsShown)] {
		e.Fields = append(e.Fields, FieldError{Path: sanitise(f.Path, maxNameShown), Message: sanitise(f.Message, maxMessageShown)})
	}
	if !isObject {
		e.Message = "the answer is not JSON"
	}
	return e
}

// readErrorBody takes what it can of an error's body: one member of a wrong
// type must not hide the name of the error. It reports whether the body is
// an object at all.
func readErrorBody(body []byte, into *ErrorBody) bool {
	members, err := decodeObject(body)
	if err != nil {
		return false
	}
	// Front doors write "Message".
	if _, ok := members["message"]; !ok && members["Message"] != nil {
		members["message"] = members["Message"]
	}
	for _, f := range into.fields() {
		if raw, ok := members[f.name]; ok {
			_ = f.decode(raw) // a member that cannot be read is as good as absent
		}
	}
	return true
}

// errorName finds the name of an error: the header counts more than __type,
// that more than code. ":..." after it and "...#" before it are cut off.
func errorName(h http.Header, body ErrorBody) string {
	for _, name := range []*string{new(h.Get("x-amzn-errortype")), body.Type, body.Code} {
		if name == nil {
			continue
		}
		s, _, _ := strings.Cut(*name, ":")
		if _, after, ok := strings.Cut(s, "#"); ok {
			s = after
		}
		if s = strings.TrimSpace(s); s != "" {
			return s
		}
	}
	return ""
}

// frontDoor names errors of what stands before the service: signatures,
// tokens, rates, failures. The names are those that AWS lists as common
// errors of all its services, in their historic spellings.
func frontDoor(name string) (Kind, bool) {
	switch strings.TrimSuffix(name, "Exception") {
	case "ExpiredToken", "TokenRefreshRequired", "ExpiredTokenId":
		return KindCredentialsExpired, true
	case "UnrecognizedClient", "InvalidClientTokenId", "InvalidAccessKeyId", "MissingAuthenticationToken",
		"IncompleteSignature", "InvalidSignature", "SignatureDoesNotMatch", "AuthFailure", "OptInRequired",
		"RequestExpired", "RequestTimeTooSkewed", "NotAuthorized", "Unauthorized", "InvalidToken":
		return KindNotAuthorized, true
	case "AccessDenied":
		return KindAccessDenied, true
	case "Throttling", "Throttled", "TooManyRequests", "RequestLimitExceeded", "RequestThrottled",
		"BandwidthLimitExceeded", "SlowDown", "PriorRequestNotComplete":
		return KindThrottling, true
	case "RequestEntityTooLarge", "RequestTooLarge":
		return KindContentSizeExceeded, true
	case "ServiceUnavailable", "RequestTimeout", "InternalFailure", "InternalError", "InternalServerError":
		return KindUnavailable, true
	}
	return "", false
}

// errorKind classifies an answer by its name, else by its status. Only a
// name makes a NotFound: an unnamed or strangely named 404 comes from a
// proxy, a gateway or a wrong endpoint, and whoever took it for "the asset is
// gone" would make a second one. The same holds for every answer that is not
// JSON, which this service does not send.
func errorKind(name string, status int, isObject bool) Kind {
	if _, ok := modelled(Kind(name)); ok {
		return Kind(name)
	}
	if kind, ok := frontDoor(name); ok {
		return kind
	}
	switch {
	case status == http.StatusTooManyRequests:
		return KindThrottling
	case status == http.StatusRequestEntityTooLarge:
		return KindContentSizeExceeded
	case status == http.StatusUnauthorized:
		return KindNotAuthorized
	case status == http.StatusForbidden:
		return KindAccessDenied
	case status == http.StatusInternalServerError && isObject:
		return KindInternalServer
	case status >= 500, status == http.StatusRequestTimeout:
		return KindUnavailable
	case !isObject || name != "":
		return KindUnexpected
	case status == http.StatusBadRequest:
		return KindValidation
	case status == http.StatusPaymentRequired:
		return KindQuotaExceeded
	case status == http.StatusConflict:
		return KindConflict
	}
	return KindUnexpected
}

func requestID(h http.Header) string {
	for _, name := range []string{"x-amzn-RequestId", "x-amzn-Request-Id", "x-amz-request-id"} {
		if id := h.Get(name); id != "" {
			return sanitise(id, maxNameShown)
		}
	}
	return ""
}

// maxRetryAfter bounds what an answer can ask for.
const maxRetryAfter = time.Hour

// RetryAfter returns how long an answer asks to wait, at most an hour, and 0
// when it does not ask. A date is counted from the answer's own Date.
func RetryAfter(h http.Header) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	until, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	from, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0
	}
	return min(max(until.Sub(from), 0), maxRetryAfter)
}
