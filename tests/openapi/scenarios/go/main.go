// The go generator of openapi-generator. It has no streams; everything else is as in the scenarios
// of the other languages.
package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	callfs "github.com/callfs/client"
)

const folder = "openapi-generator-go"

func at(name string) string { return folder + "/" + name }

func equal[T comparable](what string, found, expected T) {
	if found != expected {
		panic(fmt.Sprintf("%s: %v is not %v", what, found, expected))
	}
}

func succeeded(err error) {
	if err != nil {
		panic(err)
	}
}

// code is that of the problem that an error has.
func code(err error) callfs.ProblemCode {
	var failure *callfs.GenericOpenAPIError
	if !errors.As(err, &failure) {
		panic(fmt.Sprintf("no problem but %v", err))
	}
	problem, ok := failure.Model().(callfs.Problem)
	if !ok {
		panic(fmt.Sprintf("no problem but %v", failure.Model()))
	}
	return problem.Code
}

func client(key string) *callfs.APIClient {
	settings := callfs.NewConfiguration()
	settings.Servers = callfs.ServerConfigurations{{URL: os.Getenv("CALLFS_URL")}}
	if key != "" {
		settings.AddDefaultHeader("Authorization", "Bearer "+key)
	}
	return callfs.NewAPIClient(settings)
}

// upload is a file with these bytes, which is what the client sends.
func upload(bytes string) *os.File {
	path := filepath.Join(os.TempDir(), "upload")
	succeeded(os.WriteFile(path, []byte(bytes), 0o600))
	file, err := os.Open(path)
	succeeded(err)
	return file
}

func text(file *os.File) string {
	bytes, err := io.ReadAll(file)
	succeeded(err)
	return string(bytes)
}

func etag(response *http.Response) string { return response.Header.Get("ETag") }

func main() {
	ctx := context.Background()
	alice := client(os.Getenv("CALLFS_KEY"))
	files := alice.FilesAPI

	_, err := files.CreateDirectory(ctx, folder).Execute()
	succeeded(err)
	create := files.WriteFile(ctx, at("a ä.txt")).IfNoneMatch("*")
	response, err := create.Body(upload("hello, world")).Execute()
	succeeded(err)
	first := etag(response)
	_, err = create.Body(upload("other")).Execute()
	equal("created twice", code(err), callfs.PRECONDITION_FAILED)
	part, response, err := files.ReadFile(ctx, at("a ä.txt")).Range_("bytes=7-11").Execute()
	succeeded(err)
	equal("status", response.StatusCode, http.StatusPartialContent)
	equal("part", text(part), "world")

	replace := files.WriteFile(ctx, at("a ä.txt")).IfMatch(first)
	response, err = replace.Body(upload("hello again")).Execute()
	succeeded(err)
	equal("same tag", etag(response) == first, false)
	_, err = replace.Body(upload("late")).Execute()
	equal("replaced late", code(err), callfs.PRECONDITION_FAILED)

	_, err = files.CopyEntry(ctx, at("b.txt")).From("/" + at("a ä.txt")).Execute()
	succeeded(err)
	list := alice.DirectoriesAPI.ListDirectory(ctx, folder).Limit(1)
	page, _, err := list.Execute()
	succeeded(err)
	equal("first page", page.Items[0].Name, "a ä.txt")
	page, _, err = list.After(page.GetNext()).Execute()
	succeeded(err)
	equal("second page", page.Items[0].Name, "b.txt")
	equal("last page", page.Next.IsSet() && page.Next.Get() != nil, false)

	move := callfs.NewMoveEntry("/" + at("moved.txt"))
	changed, _, err := files.UpdateEntry(ctx, at("b.txt")).
		Change(callfs.MoveEntryAsChange(move)).Execute()
	succeeded(err)
	equal("moved", changed.Path, "/"+at("moved.txt"))
	attributes := callfs.NewSetAttributes()
	attributes.SetMode("0600")
	changed, _, err = files.UpdateEntry(ctx, at("moved.txt")).
		Change(callfs.SetAttributesAsChange(attributes)).Execute()
	succeeded(err)
	equal("mode", changed.GetMode(), "0600")

	link, _, err := alice.LinksAPI.CreateLink(ctx).
		LinkRequest(*callfs.NewLinkRequest("/" + at("moved.txt"))).Execute()
	succeeded(err)
	shared, _, err := client("").LinksAPI.DownloadFile(ctx, link.Token).Execute()
	succeeded(err)
	equal("shared", text(shared), "hello again")

	_, err = files.DeleteEntry(ctx, at("moved.txt")).Execute()
	succeeded(err)
	_, _, err = files.ReadFile(ctx, at("moved.txt")).Execute()
	equal("deleted", code(err), callfs.FILE_NOT_FOUND)

	replaceSite(ctx, alice)
}

// replaceSite replaces a site while it is in use, and shares it.
func replaceSite(ctx context.Context, alice *callfs.APIClient) {
	files := alice.FilesAPI
	const time = "2001-02-03T04:05:06Z"
	for name, bytes := range map[string]string{"site": "old page", "next": "fresh page"} {
		_, err := files.CreateDirectory(ctx, at(name)).Execute()
		succeeded(err)
		_, err = files.WriteFile(ctx, at(name+"/page.txt")).
			XCallFSMTime(time).Body(upload(bytes)).Execute()
		succeeded(err)
	}
	fields := []callfs.EntryField{callfs.SHA256, callfs.CONTENT_TYPE}
	page, _, err := alice.DirectoriesAPI.ListDirectory(ctx, at("site")).Fields(fields).Execute()
	succeeded(err)
	entry := page.Items[0]
	equal("digest", entry.GetSha256(), fmt.Sprintf("%x", sha256.Sum256([]byte("old page"))))
	equal("time", entry.GetMtime().UTC().Format("2006-01-02T15:04:05Z"), time)

	exchange := callfs.NewExchangeEntry("/"+at("site"), true)
	exchanged, _, err := files.UpdateEntry(ctx, at("next")).
		Change(callfs.ExchangeEntryAsChange(exchange)).Execute()
	succeeded(err)
	equal("exchanged", exchanged.Path, "/"+at("site"))

	request := callfs.NewLinkRequest("/" + at("site"))
	request.SetUnlimited(true)
	request.SetExpirySeconds(60)
	request.SetDisposition(callfs.INLINE)
	link, _, err := alice.LinksAPI.CreateLink(ctx).LinkRequest(*request).Execute()
	succeeded(err)
	equal("type", link.Type, "directory")
	stranger := client("").LinksAPI
	entries, _, err := stranger.ListSharedDirectory(ctx, link.Token).Execute()
	succeeded(err)
	equal("entries", len(entries), 1)
	shared, _, err := stranger.DownloadBelow(ctx, link.Token, entries[0].Name).Execute()
	succeeded(err)
	equal("shared below", text(shared), "fresh page")
}
