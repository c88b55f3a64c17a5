// The workloads as a program with sharp has them: sharp_peer.js WORKLOAD FOLDER OUT THREADS
const [workload, folder, out, threads] = process.argv.slice(2);
process.env.UV_THREADPOOL_SIZE = threads;
const fs = require('fs'), path = require('path'), sharp = require('sharp');
sharp.cache(false);
sharp.concurrency(1); // files side by side

const luma = [0.2126, 0.7152, 0.0722];
// Saturation of 1.2, then gains of R and B.
const mix = [1.05, 1, 0.95].map((gain, i) => luma.map((l, j) => gain * ((i === j ? 1.2 : 0) - 0.2 * l)));
const sharpen = { width: 3, height: 3, kernel: [-1, -1, -1, -1, 16, -1, -1, -1, -1], scale: 8 };
const jpeg = { quality: 85, optimiseCoding: false };

function work(name) {
  const picture = sharp(path.join(folder, name), { limitInputPixels: false, sequentialRead: true });
  const target = path.join(out, name);
  switch (workload) {
    // sharp has no gamma of 1.1 on codes; its straight line and its matrix are what it is measured on.
    case 'look': return picture.linear(1.15, -10).recomb(mix).jpeg(jpeg).toFile(target);
    case 'thumbnails': return picture.resize(512, 512, { fit: 'inside' }).jpeg(jpeg).toFile(target);
    case 'blur': return picture.blur(3).convolve(sharpen).jpeg(jpeg).toFile(target);
    case 'png': return picture.greyscale().toColourspace('b-w').png({ compressionLevel: 6 }).toFile(target);
    default: return picture.negate().jpeg(jpeg).toFile(target);
  }
}

(async () => {
  const names = fs.readdirSync(folder).sort();
  let next = 0;
  const hand = async () => { while (next < names.length) await work(names[next++]); };
  await Promise.all(Array.from({ length: Number(threads) }, hand));
})();
