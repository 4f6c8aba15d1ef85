import sys; import ns as N, re, time
src=sys.argv[1]; configs=[tuple(map(float,a.split(','))) for a in sys.argv[2:]]  # rate,steps,pace
N.os.environ['COURSE_DATA']='$COURSE_DATA' if src!='sample' else ''
if src=='sample': del N.os.environ['COURSE_DATA']
N.os.environ['COURSE_SOURCE']=src
g={}
import numpy as np
for h,c in N.cells():
    k=c.strip().split('\n')[0][:50]
    if 'plots' in c and 'import' in c: N.setup(g,'exp'+src)
    if any(w in c for w in ('LETTER =','labelled("test")','numbers, people','MISSED','pseudonyms =','tampered','refusal','flipped','vectorizer','how_often','def attack','weak, strong','noises =','today =')): continue
    if 'def in_steps' in c:
        c=c.split('PACE =')[0]; N.run(c,g,k); break
    N.run(c,g,k)
for rate,steps,pace in configs:
    g.update(RATE=rate,STEPS=int(steps),PACE=pace)
    t=time.process_time()
    if len(sys.argv)>2:
        sig=g['dp'].noise_for(3.0,rate,int(steps),1e-4,tolerance=.02)
    out={}
    for noise in (0.0,sig):
        ex,bits,cost=g['in_steps'](noise); out[noise]=ex
        pl=[e for n,e in ex.items() if g['COPIES'][n]]; un=[e for n,e in ex.items() if not g['COPIES'][n]]
        se=np.sqrt(np.var(pl,ddof=1)/len(pl)+np.var(un,ddof=1)/len(un))
        s16=[e for n,e in ex.items() if g['COPIES'][n]==16]
        print(src,rate,steps,pace,'noise %.2f'%noise,{k:round(v,2) for k,v in g['by_copies'](ex).items()},'bits %.3f'%bits,'gap %.2f +- %.2f'%(np.mean(pl)-np.mean(un),se),'clipped',round(cost.clipped,2))
    d=[out[0.0][n]-out[sig][n] for n in g['NAMES'] if g['COPIES'][n]==16]
    print('   diff16 %.2f +- %.2f cpu %.1f'%(np.mean(d),np.std(d,ddof=1)/8**.5,time.process_time()-t),flush=True)
