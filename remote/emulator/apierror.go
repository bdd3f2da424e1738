package emulator

import (
	"fmt"
	"net/http"
	"strings"

	"assetsync/remote"
	"assetsync/remote/assettype"
)

// apiError is an answer that is not a success.
type apiError struct {
	status  int
	code    string // name on the wire
	message string
	fields  []remote.FieldError
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

// refuse makes one of the errors that every operation declares.
func refuse(kind remote.Kind, format string, args ...any) *apiError {
	return &apiError{status: kind.Status(), code: string(kind), message: fmt.Sprintf(format, args...)}
}

// invalid is a ValidationException about one member, named by a JSON
// pointer.
func invalid(pointer, format string, args ...any) *apiError {
	e := refuse(remote.KindValidation, "1 field is not valid")
	e.fields = []remote.FieldError{{Path: pointer, Message: fmt.Sprintf(format, args...)}}
	return e
}

// frontDoor makes an error that comes from before the service.
func frontDoor(status int, code, message string) *apiError {
	return &apiError{status: status, code: code, message: message}
}

func unknownOperation() *apiError {
	return frontDoor(http.StatusNotFound, "UnknownOperationException", "no operation has this method and path")
}

// refuseFindings turns the breaches of an asset type's rules that the
// service refuses into one answer, nil when there are none. A finding about
// a file is placed at the member that brought the file.
func refuseFindings(found []assettype.Finding, member string) error {
	var fields []remote.FieldError
	var messages []string
	for _, f := range assettype.Refused(found) {
		if f.Rule == "file-size" {
			return refuse(remote.KindContentSizeExceeded, "%s %s", f.Path, f.Message)
		}
		message := f.Message
		if f.Path != "" {
			message = string(f.Path) + ": " + message
		}
		pointer := f.Field
		if pointer == "" {
			pointer = member
		}
		fields = append(fields, remote.FieldError{Path: pointer, Message: message})
		messages = append(messages, message)
	}
	if len(fields) == 0 {
		return nil
	}
	e := refuse(remote.KindValidation, "%s", strings.Join(messages, "; "))
	e.fields = fields
	return e
}
