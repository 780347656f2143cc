package httpapi_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/live/httpapi"
)

func TestSubmitAndRead(t *testing.T) {
	w := start(t, httpapi.Options{})
	w.cell.AddNode("n1")
	var a api.Applied
	created := w.do("POST", "/v1/workloads", strings.Replace(job("hello"), `"noop"`, `"noop","outputs":[{"name":"out","stdout":true}]`, 1))
	w.into(created, 201, &a)
	if a.ID != 1 || a.Name != "hello" || a.Tenant != "default" || a.Action != "created" {
		t.Fatalf("applied %+v", a)
	}
	if created.Header.Get(api.HeaderSeq) != fmt.Sprint(w.cell.Seq()) {
		t.Fatalf("%s is %q", api.HeaderSeq, created.Header.Get(api.HeaderSeq))
	}
	for _, path := range []string{"/v1/workloads/hello", "/v1/workloads/~1", "/v1/workloads/hello?tenant=default"} {
		var v api.WorkloadView
		w.get(path, &v)
		if v.ID != 1 || v.Status != "running" || v.Counts.Placed != 1 || v.Spec == nil || v.Spec.Tasks[0].Driver != "noop" {
			t.Errorf("%s: %+v", path, v)
		}
	}
	w.cell.Finish(api.Value{Name: "out", File: "out.txt", Size: 2, Inline: []byte("ok")})
	var tasks api.TaskPage
	w.get("/v1/workloads/hello/tasks", &tasks)
	if len(tasks.Items) != 1 || tasks.Items[0].Status != "succeeded" || tasks.Items[0].Node != "n1" || tasks.Next != "" {
		t.Errorf("tasks %+v", tasks)
	}
	var results api.ResultPage
	w.get("/v1/workloads/hello/results", &results)
	if len(results.Items) != 1 || string(results.Items[0].Outputs[0].Inline) != "ok" || results.Items[0].Task != "main" {
		t.Errorf("results %+v", results)
	}
}

func TestUpdateConflictAndKeys(t *testing.T) {
	w := start(t, httpapi.Options{})
	first := w.do("POST", "/v1/workloads", job("hello"), api.HeaderKey, "k1")
	again := w.do("POST", "/v1/workloads", job("hello"), api.HeaderKey, "k1")
	if first.StatusCode != 201 || again.StatusCode != 201 || !bytes.Equal(first.body, again.body) {
		t.Errorf("one key, two answers: %s and %s", first.body, again.body)
	}
	other := strings.Replace(job("hello"), `"noop"`, `"noop","timeout":"5s"`, 1)
	w.problem(w.do("POST", "/v1/workloads", other), 409)
	if r := w.do("POST", "/v1/workloads", job("x"), api.HeaderKey, strings.Repeat("k", api.MaxKey+1)); r.StatusCode != 422 {
		t.Errorf("a long key: %d", r.StatusCode)
	}
}

func TestSubmitBatch(t *testing.T) {
	w := start(t, httpapi.Options{})
	w.do("POST", "/v1/workloads", job("taken"))
	conflict := strings.Replace(job("taken"), `"noop"`, `"noop","timeout":"5s"`, 1)
	var got api.BatchReply
	body := batch(job("a"), job("Not A Name"), conflict, job("b"))
	w.into(w.do("POST", "/v1/workloads", body, api.HeaderKey, "k"), 200, &got)
	var statuses []int
	for _, i := range got.Items {
		statuses = append(statuses, i.Status)
	}
	if fmt.Sprint(statuses) != "[201 422 409 201]" {
		t.Fatalf("statuses %v: %+v", statuses, got)
	}
	if e := got.Items[1].Errors; len(e) != 1 || e[0].Path != "name" {
		t.Errorf("faults %+v", e)
	}
	var again api.BatchReply
	w.into(w.do("POST", "/v1/workloads", body, api.HeaderKey, "k"), 200, &again)
	if again.Items[0].ID != got.Items[0].ID || again.Items[3].ID != got.Items[3].ID {
		t.Errorf("the same key made new workloads: %+v", again)
	}
}

func TestBatchSizes(t *testing.T) {
	w := start(t, httpapi.Options{})
	many := make([]string, api.MaxBatch+1)
	for i := range many {
		many[i] = job(fmt.Sprintf("j%d", i))
	}
	if r := w.do("POST", "/v1/workloads", batch(many[1:]...)); r.StatusCode != 200 {
		t.Errorf("%d workloads: %d", api.MaxBatch, r.StatusCode)
	}
	w.problem(w.do("POST", "/v1/workloads", batch(many...)), 400)
	w.problem(w.do("POST", "/v1/workloads", batch()), 400)
	w.problem(w.do("POST", "/v1/workloads", batch(job("a"))+"x"), 400)
}

func TestEveryFaultAtOnce(t *testing.T) {
	w := start(t, httpapi.Options{})
	body := `{"apiVersion":"drover/v1","kind":"job","name":"Bad","tasks":[{"name":"a","driver":"noop","count":-1,"after":["b"]}]}`
	p := w.problem(w.do("POST", "/v1/workloads", body), 422)
	at := map[string]bool{}
	for _, e := range p.Errors {
		at[e.Location] = e.Message != ""
	}
	for _, want := range []string{"body.name", "body.tasks[0].count", "body.tasks[0].after[0]"} {
		if !at[want] {
			t.Errorf("no fault at %s: %+v", want, p.Errors)
		}
	}
	plan := w.problem(w.do("POST", "/v1/plan", body), 422)
	if len(plan.Errors) != len(p.Errors) {
		t.Errorf("plan finds %d faults, submit %d", len(plan.Errors), len(p.Errors))
	}
}

func TestTenants(t *testing.T) {
	w := start(t, httpapi.Options{})
	w.do("POST", "/v1/workloads?tenant=red", job("one"))
	w.do("POST", "/v1/workloads", job("two"), api.HeaderTenant, "blue")
	for path, want := range map[string]int{
		"/v1/workloads/one": 404, "/v1/workloads/one?tenant=red": 200, "/v1/workloads/~1": 200, "/v1/workloads/~1?tenant=blue": 404,
		"/v1/workloads/~9": 404, "/v1/workloads/~x": 404,
	} {
		if r := w.do("GET", path, ""); r.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, r.StatusCode, want)
		}
	}
	for path, want := range map[string]int{"?tenant=red": 1, "": 0, "?allTenants=true": 2} {
		var page api.WorkloadPage
		if w.get("/v1/workloads"+path, &page); len(page.Items) != want {
			t.Errorf("%q lists %d, want %d", path, len(page.Items), want)
		}
	}
	named := strings.Replace(job("three"), `"name"`, `"tenant":"red","name"`, 1)
	p := w.problem(w.do("POST", "/v1/workloads?tenant=blue", named), 422)
	if want := "is red, but the request is of tenant blue"; len(p.Errors) != 1 || !strings.HasPrefix(p.Errors[0].Message, want) {
		t.Errorf("%+v, want %q", p.Errors, want)
	}
}

func TestPages(t *testing.T) {
	w := start(t, httpapi.Options{})
	for i := range 7 {
		w.do("POST", "/v1/workloads", job(fmt.Sprintf("job-%d", i)))
	}
	w.do("POST", "/v1/workloads", strings.Replace(job("array"), `"noop"`, `"noop","count":5`, 1))
	var names []string
	for after := ""; ; {
		var page api.WorkloadPage
		w.get("/v1/workloads?limit=3&prefix=job&after="+after, &page)
		for _, v := range page.Items {
			names = append(names, v.Name)
		}
		if after = page.Next; after == "" {
			break
		}
	}
	if fmt.Sprint(names) != "[job-6 job-5 job-4 job-3 job-2 job-1 job-0]" {
		t.Errorf("listed %v", names)
	}
	var indexes []uint32
	for after := ""; ; {
		var page api.TaskPage
		w.get("/v1/workloads/array/tasks?limit=2&after="+after, &page)
		for _, v := range page.Items {
			indexes = append(indexes, v.Index)
		}
		if after = page.Next; after == "" {
			break
		}
	}
	if fmt.Sprint(indexes) != "[0 1 2 3 4]" {
		t.Errorf("elements %v", indexes)
	}
	for _, bad := range []string{"/v1/workloads?limit=0", "/v1/workloads?limit=1001", "/v1/workloads?status=dancing", "/v1/workloads/array/tasks?after=x"} {
		w.problem(w.do("GET", bad, ""), 422)
	}
}

func TestFilters(t *testing.T) {
	w := start(t, httpapi.Options{})
	w.do("POST", "/v1/workloads", job("a"))
	w.do("POST", "/v1/workloads", job("b"))
	w.into(w.do("DELETE", "/v1/workloads/a", ""), 200, new(api.Applied))
	for query, want := range map[string]string{
		"status=cancelled": "a", "status=pending": "b", "status=pending,cancelled": "b a", "kind=service": "", "kind=job&status=pending": "b", "parent=7": "",
	} {
		var page api.WorkloadPage
		w.get("/v1/workloads?"+query, &page)
		var names []string
		for _, v := range page.Items {
			names = append(names, v.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
}

func TestExplainAndPlan(t *testing.T) {
	w := start(t, httpapi.Options{})
	w.cell.AddNode("n1")
	big := strings.Replace(job("big"), `"noop"`, `"noop","resources":{"memory":"64Gi"}`, 1)
	var plan api.Plan
	w.into(w.do("POST", "/v1/plan", big), 200, &plan)
	if len(plan.Tasks) != 1 || plan.Tasks[0].Fits != 0 || plan.Tasks[0].Decision.Chosen != nil {
		t.Errorf("plan %+v", plan)
	}
	w.into(w.do("POST", "/v1/plan", job("small")), 200, &plan)
	if len(plan.Tasks) != 1 || plan.Tasks[0].Fits != 1 || plan.Tasks[0].Decision.Chosen.Node != "n1" {
		t.Errorf("plan %+v", plan)
	}
	w.do("POST", "/v1/workloads", big)
	var why api.Explanation
	w.get("/v1/workloads/big/tasks/main/0/explain", &why)
	if why.Task.Status != "pending" || why.Decision == nil || len(why.Decision.Reasons) == 0 {
		t.Errorf("explanation %+v", why)
	}
	p := w.problem(w.do("GET", "/v1/workloads/big/tasks/mian/0", ""), 404)
	if !strings.Contains(p.Detail, "did you mean main?") {
		t.Errorf("detail %q", p.Detail)
	}
	w.problem(w.do("GET", "/v1/workloads/big/tasks/main/1/explain", ""), 404)
}
