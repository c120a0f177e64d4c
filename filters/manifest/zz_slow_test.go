package manifest
import ("testing";"strings";"time";"runtime")
func TestZZ(t *testing.T){
 h:="apiVersion: bartizan/v1\nkind: K\nmetadata: {name: n}\nspec:\n  "
 n:=1<<20-200
 for name,s:=range map[string]string{"flowlist":h+"list: ["+strings.Repeat("a,",n/2-10)+"]","keys":h+"free: {"+strings.Repeat("? ,",n/3)+"}","quest":strings.Repeat("? ",n/2),"comments":strings.Repeat("#\n",n/2),"docs":strings.Repeat("---\n",n/4),"dq":h+"plain: \""+strings.Repeat("\\x41",n/4-10)+"\"","fold":h+"plain: a"+strings.Repeat("\n    a",n/6),"foldblank":h+"plain: 'a"+strings.Repeat("\n",n-100)+"  a'","lit":h+"plain: |\n    a"+strings.Repeat("\n",n-100)+"    a","longline":h+"plain: 'a"+strings.Repeat("''",n/2-100)+"'","anchors":strings.Repeat("&a ",n/3),"brk":strings.Repeat("[",n),"dash":strings.Repeat("- ",n/2),"colon":strings.Repeat("a: ",n/3),"simplekeys":"{"+strings.Repeat("a\n",n/2),"pct":strings.Repeat("%A\n",n/3),"seqcomments":"a:\n"+strings.Repeat("- #\n",n/4), "headc": strings.Repeat("# x\n\n",n/5)+"a: 1"} {
  var m1,m2 runtime.MemStats; runtime.ReadMemStats(&m1)
  t0:=time.Now(); docs,errs:=Parse("f",[]byte(s)); for _,d:=range docs { var v shape; errs=append(errs,d.Decode(&v)...)}
  runtime.ReadMemStats(&m2)
  e:=""; if len(errs)>0{e=errs[0].Error()[:min(80,len(errs[0].Error()))]}
  t.Logf("%-12s %8v %dMB errs=%d %s",name,time.Since(t0).Round(time.Millisecond),(m2.TotalAlloc-m1.TotalAlloc)>>20,len(errs),e)
 }
}
